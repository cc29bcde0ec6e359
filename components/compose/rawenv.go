package compose

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/compose-spec/compose-go/v2/dotenv"
)

// registerRaw teaches compose-go the format "raw" of env_file, which takes values as they are:
// https://github.com/compose-spec/compose-spec/blob/main/05-services.md#format.
//
//nolint:gochecknoglobals // compose-go keeps formats in a global, which must be written once only
var registerRaw = sync.OnceFunc(func() { dotenv.RegisterFormat("raw", parseRaw) })

func parseRaw(r io.Reader, filename string, variables map[string]string, _ func(string) (string, bool)) error {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		line := lines.Text()
		if strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		if !ok {
			return fmt.Errorf("%s: must be lines of NAME=value", filename)
		}
		variables[strings.TrimSpace(name)] = value
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read %s: %w", filename, err)
	}
	return nil
}
