package compose

import (
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"time"
)

// assets are files in memory, by their paths, and all folders above them.
type assets map[string]asset

type asset struct {
	content string
	mode    fs.FileMode
}

func (a assets) add(name string, stored asset) {
	a[name] = stored
	for parent := path.Dir(name); parent != "."; parent = path.Dir(parent) {
		a[parent] = asset{mode: fs.ModeDir}
	}
}

// Open gives a file or a folder.
func (a assets) Open(name string) (fs.File, error) {
	stored, known := a[name]
	if name == "." {
		stored, known = asset{mode: fs.ModeDir}, true
	}
	if !known || !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	file := &openedAsset{info: assetInfo{path.Base(name), stored}, content: strings.NewReader(stored.content)}
	if stored.mode.IsDir() {
		for _, child := range slices.Sorted(maps.Keys(a)) {
			if path.Dir(child) == name {
				file.entries = append(file.entries, fs.FileInfoToDirEntry(assetInfo{path.Base(child), a[child]}))
			}
		}
	}
	return file, nil
}

type openedAsset struct {
	info    assetInfo
	content *strings.Reader
	entries []fs.DirEntry
}

func (o *openedAsset) Stat() (fs.FileInfo, error) { return o.info, nil }

func (o *openedAsset) Close() error { return nil }

func (o *openedAsset) Read(into []byte) (int, error) {
	if o.info.IsDir() {
		return 0, &fs.PathError{Op: "read", Path: o.info.name, Err: fs.ErrInvalid}
	}
	return o.content.Read(into)
}

// ReadDir gives the next entries, all that are left unless there is a limit.
func (o *openedAsset) ReadDir(limit int) ([]fs.DirEntry, error) {
	switch {
	case !o.info.IsDir():
		return nil, &fs.PathError{Op: "readdir", Path: o.info.name, Err: fs.ErrInvalid}
	case limit > 0 && len(o.entries) == 0:
		return nil, io.EOF
	case limit <= 0 || limit > len(o.entries):
		limit = len(o.entries)
	}
	entries := o.entries[:limit]
	o.entries = o.entries[limit:]
	return entries, nil
}

type assetInfo struct {
	name string
	asset
}

func (i assetInfo) Name() string       { return i.name }
func (i assetInfo) Size() int64        { return int64(len(i.content)) }
func (i assetInfo) ModTime() time.Time { return time.Time{} }
func (i assetInfo) IsDir() bool        { return i.mode.IsDir() }
func (i assetInfo) Sys() any           { return nil }

// Mode is the one the application gives a file; folders can be read by all.
func (i assetInfo) Mode() fs.FileMode {
	if i.IsDir() {
		return fs.ModeDir | 0o555
	}
	return i.mode
}
