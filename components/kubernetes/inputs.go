package kubernetes

import (
	"encoding/json"
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"k8s.io/apimachinery/pkg/runtime"
)

// inputsOf makes the resource inputs of an object: its JSON form without what only the cluster writes, and with the
// names of Secrets replaced by what lookup says they are called.
func inputsOf(o runtime.Object, lookup func(name string) (pulumi.StringPtrOutput, bool)) (pulumi.Map, error) {
	text, err := json.Marshal(o)
	if err != nil {
		return nil, fmt.Errorf("write as JSON: %w", err)
	}
	var tree map[string]any
	if err := json.Unmarshal(text, &tree); err != nil {
		return nil, fmt.Errorf("read as JSON: %w", err)
	}
	delete(tree, "status")
	return inputMap(tree, lookup), nil
}

func inputMap(tree map[string]any, lookup func(string) (pulumi.StringPtrOutput, bool)) pulumi.Map {
	inputs := pulumi.Map{}
	for key, value := range tree {
		if value == nil {
			continue // creationTimestamp: the cluster's
		}
		inputs[key] = input(value, lookup)
		switch key {
		case "secretName":
			if name, ok := lookup(value.(string)); ok {
				inputs[key] = name
			}
		case "secretKeyRef":
			if name, ok := lookup(value.(map[string]any)["name"].(string)); ok {
				inputs[key].(pulumi.Map)["name"] = name
			}
		}
	}
	return inputs
}

func input(value any, lookup func(string) (pulumi.StringPtrOutput, bool)) pulumi.Input {
	switch v := value.(type) {
	case map[string]any:
		return inputMap(v, lookup)
	case []any:
		list := make(pulumi.Array, 0, len(v))
		for _, element := range v {
			list = append(list, input(element, lookup))
		}
		return list
	case string:
		return pulumi.String(v)
	case bool:
		return pulumi.Bool(v)
	case float64:
		return pulumi.Float64(v)
	}
	return nil
}
