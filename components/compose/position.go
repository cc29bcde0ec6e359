package compose

import (
	"fmt"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// Locator finds where in the Compose files a path of a verdict or problem stands.
type Locator struct {
	files []located
}

type located struct {
	name string
	root *yaml.Node
}

// Locate reads the files of a source for a [Locator]. What cannot be read is left out.
func Locate(source Source) Locator {
	r := &reader{source: source, dir: source.Dir}
	var l Locator
	for _, file := range source.Files {
		content := file.Content
		if content == nil {
			content = []byte(r.onDisk(file.Path))
		}
		var document yaml.Node
		if yaml.Unmarshal(content, &document) != nil || len(document.Content) == 0 {
			continue
		}
		l.files = append(l.files, located{name: file.Path, root: document.Content[0]})
	}
	return l
}

// Position is "file:line:column" of the key a path leads to, or of the nearest one above it that a file has; empty when
// there is none. Of several files the last one that says it counts, as it does when they are merged.
func (l Locator) Position(path string) string {
	best, depth := "", 0
	for _, f := range l.files {
		if node, found := descend(f.root, path, 0); node != nil && found >= depth {
			best, depth = fmt.Sprintf("%s:%d:%d", f.name, node.Line, node.Column), found
		}
	}
	return best
}

// descend follows a path and gives the last node it finds, with how far it came. Names may hold dots, so the longest
// key that fits is taken.
func descend(node *yaml.Node, path string, depth int) (*yaml.Node, int) {
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	if path == "" || node == nil {
		return nil, depth
	}
	if index, rest, ok := leadingIndex(path); ok && node.Kind == yaml.SequenceNode && index < len(node.Content) {
		if deeper, d := descend(node.Content[index], strings.TrimPrefix(rest, "."), depth+1); deeper != nil {
			return deeper, d
		}
		return node.Content[index], depth + 1
	}
	if node.Kind != yaml.MappingNode {
		return nil, depth
	}
	var key, value *yaml.Node
	for i := 0; i+1 < len(node.Content); i += 2 {
		k := node.Content[i]
		rest, ok := strings.CutPrefix(path, k.Value)
		whole := ok && k.Value != "" && (rest == "" || rest[0] == '.' || rest[0] == '[')
		if whole && (key == nil || len(k.Value) > len(key.Value)) {
			key, value = k, node.Content[i+1]
		}
	}
	if key == nil {
		return nil, depth
	}
	rest := strings.TrimPrefix(strings.TrimPrefix(path, key.Value), ".")
	if deeper, d := descend(value, rest, depth+1); deeper != nil {
		return deeper, d
	}
	return key, depth + 1
}

func leadingIndex(path string) (index int, rest string, ok bool) {
	inner, ok := strings.CutPrefix(path, "[")
	if !ok {
		return 0, "", false
	}
	number, rest, ok := strings.Cut(inner, "]")
	if !ok {
		return 0, "", false
	}
	index, err := strconv.Atoi(number)
	return index, rest, err == nil && index >= 0
}
