package kubernetes

import (
	"fmt"

	appsv1sdk "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/apps/v1"
	batchv1sdk "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/batch/v1"
	corev1sdk "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/core/v1"
	networkingv1sdk "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/networking/v1"
	policyv1sdk "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/policy/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"k8s.io/apimachinery/pkg/runtime"
)

// typedResource gives the SDK's resource for an object, which takes its outputs, and its type token.
func typedResource(o runtime.Object) (resource pulumi.CustomResource, token string, err error) {
	gvk := o.GetObjectKind().GroupVersionKind()
	switch gvk.Kind {
	case "Namespace":
		resource = &corev1sdk.Namespace{}
	case "ResourceQuota":
		resource = &corev1sdk.ResourceQuota{}
	case "LimitRange":
		resource = &corev1sdk.LimitRange{}
	case "ServiceAccount":
		resource = &corev1sdk.ServiceAccount{}
	case "ConfigMap":
		resource = &corev1sdk.ConfigMap{}
	case "Secret":
		resource = &corev1sdk.Secret{}
	case "PersistentVolumeClaim":
		resource = &corev1sdk.PersistentVolumeClaim{}
	case "Service":
		resource = &corev1sdk.Service{}
	case "Deployment":
		resource = &appsv1sdk.Deployment{}
	case "StatefulSet":
		resource = &appsv1sdk.StatefulSet{}
	case "Job":
		resource = &batchv1sdk.Job{}
	case "NetworkPolicy":
		resource = &networkingv1sdk.NetworkPolicy{}
	case "Ingress":
		resource = &networkingv1sdk.Ingress{}
	case "PodDisruptionBudget":
		resource = &policyv1sdk.PodDisruptionBudget{}
	default:
		return nil, "", fmt.Errorf("no typed resource for kind %s", gvk.Kind)
	}
	group := gvk.Group
	if group == "" {
		group = "core"
	}
	return resource, fmt.Sprintf("kubernetes:%s/%s:%s", group, gvk.Version, gvk.Kind), nil
}
