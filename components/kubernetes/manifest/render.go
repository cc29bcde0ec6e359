package manifest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/dekcd/dmcloud/components/app"
	"github.com/dekcd/dmcloud/components/problem"
)

// Object is one Kubernetes API object and how it stands to the others.
type Object struct {
	// Value is the object, for example a *appsv1.Deployment.
	Value interface {
		runtime.Object
		metav1.Object
	}
	// Logical is the name under which Pulumi knows the object; that of the object unless set. An object whose name changes
	// with its content is replaced under the same logical name.
	Logical string
	// After lists the objects (by [Object.ID]) that must be ready before this one is created.
	After []string
	// ReplaceWith lists the objects with which this one is stopped and started anew.
	ReplaceWith []string
	// Protect refuses deletion.
	Protect bool
	// Timeout is how long creating or updating may take until it counts as failed; zero takes Pulumi's ten minutes.
	Timeout time.Duration
}

// ID identifies the object within its application: "Deployment/web".
func (o Object) ID() string {
	return ID(o.Value.GetObjectKind().GroupVersionKind().Kind, o.Value.GetName())
}

// ID identifies an object within its application: "Deployment/web".
func ID(kind, name string) string { return kind + "/" + name }

// Manifests are the objects of one application, in an order in which they can be created.
type Manifests struct {
	Objects []Object
	// Notes say in a sentence each what the reader of a preview should know.
	Notes []string
}

// Render makes the Kubernetes objects of an application. It reads nothing but its arguments; equal arguments give equal
// objects. Values of secrets are not part of them: a Secret's data is empty until [NewPlatform] fills it.
func Render(a app.App, c Cluster) (Manifests, error) {
	problems := a.Validate()
	problems = append(problems, c.validate(len(a.Routes) > 0)...)
	r := newRenderer(&a, &c)
	problems = append(problems, r.validate()...)
	if err := problems.Err(); err != nil {
		return Manifests{}, fmt.Errorf("application %s on Kubernetes: %w", a.Name, err)
	}
	r.namespace()
	r.networkPolicies()
	r.fileMaps()
	r.folderMaps()
	r.secrets()
	r.claims()
	for i := range a.Services {
		r.service(&a.Services[i])
	}
	r.routes()
	r.openings()
	ordered, err := inOrder(r.objects)
	if err != nil {
		return Manifests{}, fmt.Errorf("application %s on Kubernetes: %w", a.Name, err)
	}
	return Manifests{Objects: ordered, Notes: r.notes}, nil
}

// renderer collects the objects of one application.
type renderer struct {
	app     *app.App
	cluster *Cluster
	labels  labels
	objects []Object
	notes   []string

	// What the application has, by name; a large one is asked often.
	services map[string]*app.Service
	volumes  map[string]*app.Volume
	files    map[string]*app.File
	folders  map[string]*app.Folder
	// edges are those of the application, and edgesFrom the ones of each service.
	edges     []app.Edge
	edgesFrom map[string][]app.Edge
	// onNode are the services that share a volume which one node can write.
	onNode map[string]bool
	// groups are those of the volumes of each service; services that share a volume have one.
	groups map[string]int64
}

func newRenderer(a *app.App, c *Cluster) *renderer {
	r := &renderer{
		app: a, cluster: c, labels: labels{app: a, cluster: c}, edges: a.Edges(),
		services:  byName(a.Services, func(s *app.Service) string { return s.Name }),
		volumes:   byName(a.Volumes, func(v *app.Volume) string { return v.Name }),
		files:     byName(a.Files, func(f *app.File) string { return f.Name }),
		folders:   byName(a.Folders, func(f *app.Folder) string { return f.Name }),
		edgesFrom: map[string][]app.Edge{}, onNode: map[string]bool{},
		groups: volumeGroups(a),
	}
	for _, e := range r.edges {
		if e.From != "" {
			r.edgesFrom[e.From] = append(r.edgesFrom[e.From], e)
		}
	}
	for i := range a.Services {
		for _, m := range mountsOf(&a.Services[i]) {
			if v := r.volumes[m.Volume]; v != nil && v.Shared && !r.writableByMany(v) {
				r.onNode[a.Services[i].Name] = true
			}
		}
	}
	return r
}

func byName[T any](all []T, name func(*T) string) map[string]*T {
	named := make(map[string]*T, len(all))
	for i := range all {
		named[name(&all[i])] = &all[i]
	}
	return named
}

// reachable tells whether other services find the service by its name: it listens on ports, or somebody connects to it
// although nobody knows where it listens.
func (r *renderer) reachable(s *app.Service) bool {
	return len(s.Ports) > 0 || slices.ContainsFunc(r.edges, func(e app.Edge) bool { return e.To == s.Name })
}

func (r *renderer) add(o Object) {
	if _, isNamespace := o.Value.(*corev1.Namespace); !isNamespace {
		o.Value.SetNamespace(r.app.Name)
		o.After = append(o.After, ID("Namespace", r.app.Name))
	}
	r.objects = append(r.objects, o)
}

func (r *renderer) note(format string, args ...any) {
	r.notes = append(r.notes, fmt.Sprintf(format, args...))
}

// meta is the metadata of an object of the whole application.
func (r *renderer) meta(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: name, Labels: r.labels.object()}
}

// validate lists what this target can't do.
func (r *renderer) validate() problem.List {
	var problems problem.List
	for _, text := range []struct{ path, value string }{
		{"version", r.app.Version}, {"environment", r.cluster.Environment},
	} {
		if len(validation.IsValidLabelValue(text.value)) > 0 {
			problems.Addf(text.path, text.value, "", "becomes a label: at most 63 letters, digits, dots, hyphens and "+
				"underscores, starting and ending with a letter or digit")
		}
	}
	for _, f := range r.app.Files {
		if f.Mode < 0 || f.Mode > 0o777 {
			problems.Addf("files."+f.Name+".mode", fmt.Sprintf("%#o", f.Mode), "", "must be from 0 to 0777")
		}
	}
	for i := range r.app.Services {
		s := &r.app.Services[i]
		path := "services." + s.Name
		for _, name := range append([]string{s.Name}, s.Aliases...) {
			if r.reachable(s) && len(validation.IsDNS1035Label(name)) > 0 {
				problems.Addf(path, nil, "", "the name of a service with ports must start with a letter")
			}
		}
		if r.kind(s) == "StatefulSet" && len(s.Name) > maximumStatefulSetName {
			problems.Addf(path, nil, "", "the name of a service that owns a volume must not be longer than %d characters",
				maximumStatefulSetName)
		}
		if s.User.UID == 0 && s.Baseline == nil {
			problems.Addf(path+".user", nil, `set "user: <uid>:<gid>" to the image's own unprivileged user`,
				"Pod Security restricted needs a numeric user that is not root")
		}
		if s.Replicas > 1 && s.Job == nil {
			for _, m := range mountsOf(s) {
				v := r.volumes[m.Volume]
				if v == nil || r.writableByMany(v) {
					continue
				}
				fix := "set storage.shared to a StorageClass with ReadWriteMany, or run one replica"
				if !v.Shared {
					fix = "run one replica" // its claim is ReadWriteOnce whatever classes there are
				}
				problems.Addf(path+".replicas", s.Replicas, fix, "volume %s can be written by one node only", v.Name)
			}
		}
	}
	return problems
}

// maximumStatefulSetName leaves room in 63 characters for the hash of a revision: its pods carry both in a label.
const maximumStatefulSetName = 52

// inOrder sorts objects so that each comes after those it waits for; otherwise by kind and name. It is an error when
// two objects have the same kind and name, or when one can never come.
func inOrder(objects []Object) ([]Object, error) {
	slices.SortStableFunc(objects, func(a, b Object) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), strings.Compare(a.ID(), b.ID()))
	})
	for i := 1; i < len(objects); i++ {
		if objects[i-1].ID() == objects[i].ID() {
			return nil, fmt.Errorf("two objects would be %s; rename a service, a route, a secret or a way out", objects[i].ID())
		}
	}
	done := map[string]bool{}
	ordered := make([]Object, 0, len(objects))
	for len(ordered) < len(objects) {
		before := len(ordered)
		var waiting []string
		for _, o := range objects {
			ready := !slices.ContainsFunc(o.After, func(id string) bool { return !done[id] })
			switch {
			case done[o.ID()]:
			case ready:
				done[o.ID()] = true
				ordered = append(ordered, o)
			default:
				waiting = append(waiting, o.ID())
			}
		}
		if len(ordered) == before {
			return nil, fmt.Errorf("waits for ever: %s", strings.Join(waiting, ", "))
		}
	}
	return ordered, nil
}

// rank keeps a manifest readable: the fence first, then what is stored, then what runs, then the way in.
func rank(o Object) int {
	order := []string{
		"Namespace", "ResourceQuota", "LimitRange", "NetworkPolicy", "ServiceAccount", "ConfigMap", "Secret",
		"PersistentVolumeClaim", "Job", "StatefulSet", "Deployment", "Service", "PodDisruptionBudget", "Ingress",
	}
	return slices.Index(order, o.Value.GetObjectKind().GroupVersionKind().Kind)
}
