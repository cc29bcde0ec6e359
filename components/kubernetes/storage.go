package kubernetes

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

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
		if class != "" {
			claim.Spec.StorageClassName = &class
		}
		r.add(Object{Value: claim, Protect: r.cluster.Protect && v.Data, After: []string{id("ResourceQuota", "quota")}})
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
	return slices.ContainsFunc(r.app.Volumes, func(v app.Volume) bool {
		return v.Shared && !r.writableByMany(&v) && slices.Contains(r.app.Mounting(v.Name), s.Name)
	})
}

// files makes one ConfigMap per file. The name carries a hash of the content, so a changed file rolls the pods that
// mount it, and pods that still run keep the old one.
func (r *renderer) files() {
	for i := range r.app.Files {
		f := &r.app.Files[i]
		immutable := true
		r.add(Object{Logical: f.Name, Value: &corev1.ConfigMap{
			TypeMeta: typeMeta("v1", "ConfigMap"), ObjectMeta: r.meta(configMapName(f)),
			Data: map[string]string{fileKey: f.Content}, Immutable: &immutable,
		}})
	}
}

// fileKey is the only key of a ConfigMap, secretKey that of a Secret: one file or value each, so that a pod is given
// exactly what it needs.
const (
	fileKey   = "content"
	secretKey = "value"
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
		meta.Annotations = map[string]string{AnnotationReason: s.Purpose}
		immutable := true
		r.add(Object{Value: &corev1.Secret{
			TypeMeta: typeMeta("v1", "Secret"), ObjectMeta: meta, Type: corev1.SecretTypeOpaque, Immutable: &immutable,
		}})
	}
}
