package manifest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"

	"github.com/dekcd/dmcloud/components/app"
)

// claims makes one PersistentVolumeClaim per volume. Claims stand alone, so that nothing that is replaced takes one
// with it, and are protected when they hold data.
func (r *renderer) claims() {
	var together []string
	for i := range r.app.Volumes {
		v := &r.app.Volumes[i]
		mode, class := corev1.ReadWriteOnce, r.cluster.StorageClass
		if r.writableByMany(v) {
			mode, class = corev1.ReadWriteMany, r.cluster.SharedStorageClass
		} else if v.Shared {
			together = append(together, v.Name)
		}
		claim := &corev1.PersistentVolumeClaim{
			TypeMeta: typeMeta("v1", "PersistentVolumeClaim"), ObjectMeta: r.meta(v.Name),
			Spec: corev1.PersistentVolumeClaimSpec{
				AccessModes: []corev1.PersistentVolumeAccessMode{mode},
				Resources: corev1.VolumeResourceRequirements{
					Requests: corev1.ResourceList{corev1.ResourceStorage: bytes(v.Size)},
				},
			},
		}
		if class != "" && class != DefaultClass {
			claim.Spec.StorageClassName = &class
		}
		r.add(Object{Value: claim, Protect: r.cluster.Protect && v.Data, After: []string{ID("ResourceQuota", "quota")}})
	}
	if len(together) > 0 {
		r.note("The environment names no shared (RWX) storage class: all pods that mount %s are kept on one node. "+
			"If that node fails, they wait for it.", strings.Join(together, " or "))
	}
}

// writableByMany says whether the volume's claim is ReadWriteMany.
func (r *renderer) writableByMany(v *app.Volume) bool {
	return v.Shared && r.cluster.SharedStorageClass != ""
}

// onOneNode says whether the service mounts a volume that several services share and one node can write.
func (r *renderer) onOneNode(s *app.Service) bool {
	return r.onNode[s.Name]
}

// volumeGroups chooses the group that owns the volumes of each service. Kubernetes gives all volumes of a pod to one
// group, so services that share one, if only by way of others, need the same: that of the first of them by name.
func volumeGroups(a *app.App) map[string]int64 {
	leader := map[string]string{} // of each service, the one whose group it takes
	var find func(name string) string
	find = func(name string) string {
		if leader[name] != name {
			leader[name] = find(leader[name])
		}
		return leader[name]
	}
	groups, first := map[string]int64{}, map[string]string{}
	for i := range a.Services {
		s := &a.Services[i]
		leader[s.Name] = s.Name
		groups[s.Name] = s.User.GID
	}
	for i := range a.Services {
		for _, m := range mountsOf(&a.Services[i]) {
			name := a.Services[i].Name
			if other, seen := first[m.Volume]; seen && m.Volume != "" {
				one, two := find(other), find(name)
				leader[max(one, two)] = min(one, two)
			} else {
				first[m.Volume] = name
			}
		}
	}
	chosen := make(map[string]int64, len(a.Services))
	for i := range a.Services {
		chosen[a.Services[i].Name] = groups[find(a.Services[i].Name)]
	}
	return chosen
}

// fileMaps makes one ConfigMap per file. The name carries a hash of the content, so a changed file rolls the pods that
// mount it, and pods that still run keep the old one.
func (r *renderer) fileMaps() {
	for i := range r.app.Files {
		f := &r.app.Files[i]
		r.configMap(f.Name, configMapName(f), map[string]string{fileKey: f.Content})
	}
}

// folderMaps makes one ConfigMap per folder, with a key per file.
func (r *renderer) folderMaps() {
	for i := range r.app.Folders {
		f := &r.app.Folders[i]
		content := make(map[string]string, len(f.Files))
		for j, file := range f.Files {
			content[folderKey(j, file.Path)] = file.Content
		}
		r.configMap("folder-"+f.Name, folderName(f), content)
	}
}

func (r *renderer) configMap(logical, name string, content map[string]string) {
	immutable := true
	object := &corev1.ConfigMap{
		TypeMeta: typeMeta("v1", "ConfigMap"), ObjectMeta: r.meta(name), Immutable: &immutable,
	}
	for key, text := range content {
		if utf8.ValidString(text) {
			set(&object.Data, key, text)
		} else {
			set(&object.BinaryData, key, []byte(text))
		}
	}
	r.add(Object{Logical: logical, Value: object})
}

func set[V any](m *map[string]V, key string, value V) {
	if *m == nil {
		*m = map[string]V{}
	}
	(*m)[key] = value
}

// folderKey is the key of a folder's file: its own name where that can be a key, numbered so that it is the only one.
func folderKey(i int, path string) string {
	name := notKey.ReplaceAllString(path[strings.LastIndex(path, "/")+1:], "-")
	return fmt.Sprintf("%d-%s", i, name[:min(len(name), maximumKey)])
}

// notKey is what the keys of a ConfigMap can't hold, https://kubernetes.io/docs/concepts/configuration/configmap/.
var notKey = regexp.MustCompile(`[^-._a-zA-Z0-9]`)

// maximumKey leaves room for the number in the API's 253 characters.
const maximumKey = 200

func folderName(f *app.Folder) string {
	var all strings.Builder
	for _, file := range f.Files {
		fmt.Fprintf(&all, "%d %s %d %s", len(file.Path), file.Path, len(file.Content), file.Content)
	}
	return "folder-" + f.Name + "-" + shortHash(all.String())
}

// fileKey is the only key of a ConfigMap, SecretKey that of a Secret: one file or value each, so that a pod is given
// exactly what it needs.
const (
	fileKey   = "content"
	SecretKey = "value"
)

func configMapName(f *app.File) string {
	return f.Name + "-" + shortHash(f.Content)
}

// shortHash tells the few texts of one application apart.
func shortHash(of string) string {
	sum := sha256.Sum256([]byte(of))
	return hex.EncodeToString(sum[:4])
}

// secrets makes one Secret per secret, without its value: that is an output, and put in by NewPlatform.
func (r *renderer) secrets() {
	for _, s := range r.app.Secrets {
		meta := r.meta(s.Name)
		if s.Purpose != "" {
			meta.Annotations = map[string]string{AnnotationReason: s.Purpose}
		}
		immutable := true
		r.add(Object{Value: &corev1.Secret{
			TypeMeta: typeMeta("v1", "Secret"), ObjectMeta: meta, Type: corev1.SecretTypeOpaque, Immutable: &immutable,
		}})
	}
}
