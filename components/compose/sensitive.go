package compose

import "fmt"

// Sensitive is a secret value. Whatever way it is printed or marshalled shows a placeholder; only [Sensitive.Reveal]
// gives the value.
type Sensitive struct {
	value string
}

const redacted = "[secret]"

// NewSensitive wraps a secret value.
func NewSensitive(value string) Sensitive { return Sensitive{value: value} }

// Reveal returns the value, to be handed to what keeps secrets and nothing else.
func (s Sensitive) Reveal() string { return s.value }

// Format prints the placeholder for every verb, %#v included.
func (s Sensitive) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, redacted) }

// String returns the placeholder.
func (s Sensitive) String() string { return redacted }

// MarshalText makes JSON, YAML and structured logs show the placeholder.
func (s Sensitive) MarshalText() ([]byte, error) { return []byte(redacted), nil }
