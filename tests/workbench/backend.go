package workbench

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// openBackend gives a local stack a backend in the state folder, with a passphrase that is made once. The stack file in
// the checkout stays as it is: Pulumi works on a copy that also holds the salt it needs.
func (b *Bench) openBackend(ctx context.Context) error {
	state := b.options.State
	backend, passphrase := filepath.Join(state, "backend"), filepath.Join(state, "passphrase")
	if err := os.MkdirAll(backend, 0o700); err != nil {
		return fmt.Errorf("make the local backend: %w", err)
	}
	if _, err := os.Stat(passphrase); errors.Is(err, fs.ErrNotExist) {
		if err := os.WriteFile(passphrase, []byte(rand.Text()), 0o600); err != nil {
			return fmt.Errorf("make the passphrase of the local backend: %w", err)
		}
	}
	config := filepath.Join(state, "Pulumi."+b.options.Stack+".yaml")
	b.env = append(b.env,
		"PULUMI_BACKEND_URL=file://"+backend,
		"PULUMI_CONFIG_PASSPHRASE_FILE="+passphrase,
		"PULUMI_STACK="+b.options.Stack,
		"PULUMI_OPTION_CONFIG_FILE="+config,
	)
	salt, err := b.salt(ctx)
	if err != nil {
		return err
	}
	stackFile, err := os.ReadFile(b.options.StackFile)
	if err != nil {
		return fmt.Errorf("read the stack file: %w", err)
	}
	if err := os.WriteFile(config, append(salt, stackFile...), 0o600); err != nil {
		return fmt.Errorf("write the copy of the stack file: %w", err)
	}
	return nil
}

// salt makes the stack in a project of the same name beside the checkout's, whose stack file then holds nothing but
// the salt.
func (b *Bench) salt(ctx context.Context) ([]byte, error) {
	project := filepath.Join(b.options.State, "project")
	file := filepath.Join(project, "Pulumi."+b.options.Stack+".yaml")
	salt, err := os.ReadFile(file)
	if err == nil {
		return salt, nil
	}
	if err := os.MkdirAll(project, 0o700); err != nil {
		return nil, fmt.Errorf("make the local stack: %w", err)
	}
	description := filepath.Join(project, "Pulumi.yaml")
	if err := os.WriteFile(description, []byte("name: dmcloud\nruntime: go\n"), 0o600); err != nil {
		return nil, fmt.Errorf("make the local stack: %w", err)
	}
	cmd := b.command(ctx, project, b.tools.Pulumi, "stack", "init", b.options.Stack, "--non-interactive")
	if output, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("make the local stack (%s): %w\n%s", cmd, err, bytes.TrimSpace(output))
	}
	if salt, err = os.ReadFile(file); err != nil {
		return nil, fmt.Errorf("make the local stack: %w", err)
	}
	return salt, nil
}
