// Package random draws the values of generated secrets.
package random

import (
	"crypto/rand"
	"fmt"
	"math/big"

	"github.com/dekcd/dmcloud/components/app"
)

// Text draws a text from the operating system's random source; every character is equally likely.
func Text(g app.Generate) (string, error) {
	var letters string
	switch g.Alphabet {
	case app.Alphanumeric:
		letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	case app.Hexadecimal:
		letters = "0123456789abcdef"
	default:
		return "", fmt.Errorf("unknown alphabet %q", g.Alphabet)
	}
	if g.Length < 1 {
		return "", fmt.Errorf("a length of %d characters", g.Length)
	}
	text := make([]byte, g.Length)
	for i := range text {
		n, err := rand.Int(rand.Reader, big.NewInt(int64(len(letters))))
		if err != nil {
			return "", fmt.Errorf("draw a random text: %w", err)
		}
		text[i] = letters[n.Int64()]
	}
	return string(text), nil
}
