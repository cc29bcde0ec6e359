package command

import "github.com/dekcd/dmcloud/components/kubernetes/manifest"

// YAML is an object as convert writes it.
func YAML(o manifest.Object) (string, error) {
	text, err := newEncoder().document(o)
	return string(text), err
}
