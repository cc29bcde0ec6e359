// Package kubelet does for tests what Kubernetes' node agent does with a container before it starts it.
package kubelet

import "strings"

// Expand replaces $(NAME) in a word of a command, an argument or a variable's value. A name that is not known stays as
// it is, and $$ is a $. The rules are those of
// https://github.com/kubernetes/kubernetes/blob/master/third_party/forked/golang/expansion/expand.go.
func Expand(word string, variables map[string]string) string {
	var b strings.Builder
	for i := 0; i < len(word); i++ {
		if word[i] != '$' || i+1 == len(word) {
			b.WriteByte(word[i])
			continue
		}
		name, _, closed := strings.Cut(strings.TrimPrefix(word[i+1:], "("), ")")
		switch value, known := variables[name]; {
		case word[i+1] == '$':
			b.WriteByte('$')
			i++
		case word[i+1] == '(' && closed:
			if !known {
				value = "$(" + name + ")"
			}
			b.WriteString(value)
			i += len(name) + 2
		default:
			b.WriteByte('$')
		}
	}
	return b.String()
}
