package environment

import (
	"encoding/json"
	"fmt"
)

// redacted is printed in place of a sensitive value.
const redacted = "[secret]"

// Sensitive is text that must not be printed. Every way of formatting or encoding it gives "[secret]", or nothing when
// it is not set; [Sensitive.Reveal] gives the text.
type Sensitive struct {
	// A pointer, because fmt prints the unexported fields of a struct without asking their String method, but does not
	// follow pointers in them.
	text *string
}

// NewSensitive wraps a text; an empty one counts as not set.
func NewSensitive(text string) Sensitive {
	if text == "" {
		return Sensitive{}
	}
	return Sensitive{text: &text}
}

// Reveal is the text itself. Hand it to pulumi.ToSecret and to nothing else.
func (s Sensitive) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// IsSet is false for the zero value.
func (s Sensitive) IsSet() bool { return s.text != nil }

// String is "[secret]", or empty when not set.
func (s Sensitive) String() string {
	if s.text == nil {
		return ""
	}
	return redacted
}

// GoString is like String.
func (s Sensitive) GoString() string { return fmt.Sprintf("environment.Sensitive{%s}", s.String()) }

// Format prints String for every verb.
func (s Sensitive) Format(state fmt.State, verb rune) {
	text := s.String()
	if verb == 'v' && state.Flag('#') {
		text = s.GoString()
	}
	// A formatter has nobody to report a failed write to.
	_, _ = state.Write([]byte(text))
}

// MarshalText encodes String, also for YAML.
func (s Sensitive) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// MarshalJSON encodes String.
func (s Sensitive) MarshalJSON() ([]byte, error) {
	encoded, err := json.Marshal(s.String())
	if err != nil {
		return nil, fmt.Errorf("encode a redacted value: %w", err)
	}
	return encoded, nil
}

// MarshalYAML encodes String.
func (s Sensitive) MarshalYAML() (any, error) { return s.String(), nil }

// UnmarshalText takes the text as it is.
func (s *Sensitive) UnmarshalText(text []byte) error {
	*s = NewSensitive(string(text))
	return nil
}
