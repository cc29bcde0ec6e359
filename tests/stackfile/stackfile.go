// Package stackfile reads a stack file for tests the way the Pulumi engine does, without an engine: checked against the
// project's schema, completed with its defaults, secrets masked.
package stackfile

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/config"
	"github.com/pulumi/pulumi/sdk/v3/go/common/workspace"
)

// File is what a program is told of its stack.
type File struct {
	// Stack is the name in the file's name.
	Stack string
	// Config are the values by full key, structured ones as JSON; secrets read "[secret]".
	Config map[string]string
	// SecretKeys are the keys with a secret in them.
	SecretKeys []string
}

// Read reads a stack file of the project whose folder is root.
func Read(root, file string) (File, error) {
	project, err := workspace.LoadProject(filepath.Join(root, "Pulumi.yaml"))
	if err != nil {
		return File{}, fmt.Errorf("load the project: %w", err)
	}
	stack, err := workspace.LoadProjectStack(nil, project, file)
	if err != nil {
		return File{}, fmt.Errorf("load %s: %w", file, err)
	}
	f := File{
		Stack:  strings.TrimPrefix(strings.TrimSuffix(filepath.Base(file), ".yaml"), "Pulumi."),
		Config: map[string]string{},
	}
	values, err := stack.Config.Decrypt(config.BlindingCrypter)
	if err != nil {
		return File{}, fmt.Errorf("read the values of %s: %w", file, err)
	}
	for key, value := range values {
		f.Config[key.String()] = value
	}
	for _, key := range stack.Config.SecureKeys() {
		f.SecretKeys = append(f.SecretKeys, key.String())
	}
	return f, f.complete(project, stack.Config)
}

// complete checks types and fills in defaults, as the engine does before it runs a program.
func (f *File) complete(project *workspace.Project, written config.Map) error {
	for name, declared := range project.Config {
		if strings.Contains(name, ":") {
			continue
		}
		key := config.MustMakeKey(project.Name.String(), name)
		value, ok := written[key]
		if !ok {
			if declared.Default == nil {
				return fmt.Errorf("stack %s: %s is required", f.Stack, key)
			}
			text, err := json.Marshal(declared.Default)
			if err != nil {
				return fmt.Errorf("default of %s: %w", key, err)
			}
			f.Config[key.String()] = string(text)
			continue
		}
		content, err := value.ToObject()
		if err != nil {
			return fmt.Errorf("stack %s: %s: %w", f.Stack, key, err)
		}
		if !workspace.ValidateConfigValue(declared.TypeName(), declared.Items, content) {
			return fmt.Errorf("stack %s: %s must be of type %s", f.Stack, key, declared.TypeName())
		}
	}
	return nil
}
