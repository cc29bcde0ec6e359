// Package kubernetes puts an application (package app) on a Kubernetes cluster.
//
// It works in two steps. [manifest.Render] is a pure function: from the application and what is known of the cluster it
// makes Kubernetes API objects, hardened, with the order between them. [NewPlatform] registers each of these objects as
// the typed resource of the Pulumi Kubernetes SDK. What configuration decides is thus decided, and testable, before the
// first resource exists.
package kubernetes
