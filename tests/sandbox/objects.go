package sandbox

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
)

// kwokUser is whom kwok's certificate names.
const kwokUser = "sandbox-kwok"

// provisioner is the name under which stages.yaml provides volumes.
const provisioner = "sandbox.dmcloud/volumes"

// createObjects makes what a new cluster needs before the first user comes: permissions for kwok, nodes, storage
// classes and an ingress class. What is there already stays as it is.
func createObjects(ctx context.Context, client kubernetes.Interface) error {
	version, err := client.Discovery().ServerVersion()
	if err != nil {
		return fmt.Errorf("ask the API for its version: %w", err)
	}
	options := metav1.CreateOptions{}
	for _, object := range []struct {
		what   string
		create func() error
	}{
		{"the cluster role of kwok", func() error {
			_, err := client.RbacV1().ClusterRoles().Create(ctx, kwokRole(), options)
			return err
		}},
		{"the cluster role binding of kwok", func() error {
			_, err := client.RbacV1().ClusterRoleBindings().Create(ctx, kwokRoleBinding(), options)
			return err
		}},
		{"node 1", func() error {
			_, err := client.CoreV1().Nodes().Create(ctx, node(1, version.GitVersion), options)
			return err
		}},
		{"node 2", func() error {
			_, err := client.CoreV1().Nodes().Create(ctx, node(2, version.GitVersion), options)
			return err
		}},
		{"storage class " + StandardClass, func() error {
			class := storageClass(StandardClass, storagev1.VolumeBindingImmediate)
			class.Annotations = map[string]string{"storageclass.kubernetes.io/is-default-class": "true"}
			_, err := client.StorageV1().StorageClasses().Create(ctx, class, options)
			return err
		}},
		{"storage class " + SharedClass, func() error {
			class := storageClass(SharedClass, storagev1.VolumeBindingImmediate)
			_, err := client.StorageV1().StorageClasses().Create(ctx, class, options)
			return err
		}},
		{"ingress class " + IngressClass, func() error {
			_, err := client.NetworkingV1().IngressClasses().Create(ctx, ingressClass(), options)
			return err
		}},
	} {
		if err := object.create(); err != nil && !apierrors.IsAlreadyExists(err) {
			return fmt.Errorf("create %s: %w", object.what, err)
		}
	}
	return nil
}

// node is one of the simulated machines, in a zone of its own. kwok fills in its status (stages.yaml).
func node(number int, kubeletVersion string) *corev1.Node {
	name := fmt.Sprintf("node-%d", number)
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{
			Name: name,
			Labels: map[string]string{
				corev1.LabelHostname:       name,
				corev1.LabelOSStable:       "linux",
				corev1.LabelArchStable:     "amd64",
				corev1.LabelTopologyRegion: "sandbox",
				corev1.LabelTopologyZone:   fmt.Sprintf("sandbox-%d", number),
			},
			Annotations: map[string]string{"sandbox.dmcloud/kubelet-version": kubeletVersion},
		},
		Spec: corev1.NodeSpec{
			PodCIDR:  fmt.Sprintf("10.244.%d.0/24", number),
			PodCIDRs: []string{fmt.Sprintf("10.244.%d.0/24", number)},
		},
	}
}

func storageClass(name string, binding storagev1.VolumeBindingMode) *storagev1.StorageClass {
	return &storagev1.StorageClass{
		ObjectMeta:           metav1.ObjectMeta{Name: name},
		Provisioner:          provisioner,
		ReclaimPolicy:        new(corev1.PersistentVolumeReclaimDelete),
		VolumeBindingMode:    new(binding),
		AllowVolumeExpansion: new(true),
	}
}

func ingressClass() *networkingv1.IngressClass {
	return &networkingv1.IngressClass{
		ObjectMeta: metav1.ObjectMeta{
			Name:        IngressClass,
			Annotations: map[string]string{networkingv1.AnnotationIsDefaultIngressClass: "true"},
		},
		Spec: networkingv1.IngressClassSpec{Controller: "sandbox.dmcloud/ingress"},
	}
}

// kwokRole allows what kwok itself needs for nodes and pods, and what stages.yaml does beyond them.
func kwokRole() *rbacv1.ClusterRole {
	rule := func(group string, verbs []string, resources ...string) rbacv1.PolicyRule {
		return rbacv1.PolicyRule{APIGroups: []string{group}, Verbs: verbs, Resources: resources}
	}
	read := []string{"get", "list", "watch"}
	return &rbacv1.ClusterRole{
		ObjectMeta: metav1.ObjectMeta{Name: kwokUser},
		Rules: []rbacv1.PolicyRule{
			rule("", read, "nodes", "pods", "services", "persistentvolumeclaims", "persistentvolumes"),
			rule("", []string{"patch", "update"}, "nodes/status", "pods/status", "services/status",
				"persistentvolumeclaims/status"),
			rule("", []string{"delete", "patch"}, "pods"),
			rule("", []string{"create", "patch", "delete"}, "persistentvolumes"),
			rule("", []string{"create", "patch", "update"}, "events"),
			rule("networking.k8s.io", read, "ingresses"),
			rule("networking.k8s.io", []string{"patch"}, "ingresses/status"),
			rule("coordination.k8s.io", []string{"get", "list", "watch", "create", "update", "patch"}, "leases"),
			{NonResourceURLs: []string{"/healthz", "/livez", "/readyz"}, Verbs: []string{"get"}},
		},
	}
}

func kwokRoleBinding() *rbacv1.ClusterRoleBinding {
	return &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: kwokUser},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: kwokUser},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: kwokUser}},
	}
}

// nodesReady tells whether pods can be scheduled on all nodes, and if not, why.
func nodesReady(ctx context.Context, client kubernetes.Interface) error {
	nodes, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("list the nodes: %w", err)
	}
	for _, n := range nodes.Items {
		ready := false
		for _, condition := range n.Status.Conditions {
			ready = ready || condition.Type == corev1.NodeReady && condition.Status == corev1.ConditionTrue
		}
		if !ready {
			return fmt.Errorf("node %s is not ready", n.Name)
		}
		if len(n.Spec.Taints) > 0 {
			return fmt.Errorf("node %s still has the taint %s", n.Name, n.Spec.Taints[0].Key)
		}
	}
	return nil
}

// ownNamespaces are those that every cluster has.
func ownNamespaces() []string {
	return []string{
		metav1.NamespaceDefault, metav1.NamespaceSystem, metav1.NamespacePublic, corev1.NamespaceNodeLease,
	}
}

// fenceNamespaces has the namespaces that every cluster has enforce Pod Security and deny all connections. Nothing of
// the sandbox runs in them, and what is put there by mistake is to be noticed.
func fenceNamespaces(ctx context.Context, client kubernetes.Interface) error {
	version, err := client.Discovery().ServerVersion()
	if err != nil {
		return fmt.Errorf("ask the API for its version: %w", err)
	}
	labels := fmt.Appendf(nil, `{"metadata":{"labels":{"pod-security.kubernetes.io/enforce":"restricted",`+
		`"pod-security.kubernetes.io/enforce-version":"v%s.%s"}}}`, version.Major, version.Minor)
	for _, namespace := range ownNamespaces() {
		_, err := client.CoreV1().Namespaces().Patch(ctx, namespace, types.MergePatchType, labels, metav1.PatchOptions{})
		if err != nil {
			return fmt.Errorf("have namespace %s enforce Pod Security: %w", namespace, err)
		}
		_, err = client.NetworkingV1().NetworkPolicies(namespace).Create(ctx, &networkingv1.NetworkPolicy{
			ObjectMeta: metav1.ObjectMeta{Name: "default-deny"},
			Spec: networkingv1.NetworkPolicySpec{
				PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress},
			},
		}, metav1.CreateOptions{})
		if err != nil && !apierrors.IsAlreadyExists(err) {
			return fmt.Errorf("have namespace %s deny all connections: %w", namespace, err)
		}
	}
	return nil
}

// namespacesReady tells whether the controllers have set up the namespaces that every cluster has.
func namespacesReady(ctx context.Context, client kubernetes.Interface) error {
	for _, namespace := range ownNamespaces() {
		if _, err := client.CoreV1().ServiceAccounts(namespace).Get(ctx, "default", metav1.GetOptions{}); err != nil {
			return fmt.Errorf("service account default of namespace %s: %w", namespace, err)
		}
		const rootCA = "kube-root-ca.crt"
		if _, err := client.CoreV1().ConfigMaps(namespace).Get(ctx, rootCA, metav1.GetOptions{}); err != nil {
			return fmt.Errorf("certificate authority of namespace %s: %w", namespace, err)
		}
	}
	return nil
}
