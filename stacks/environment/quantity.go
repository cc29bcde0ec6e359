package environment

import (
	"errors"
	"math"
	"regexp"

	"k8s.io/apimachinery/pkg/api/resource"
)

// Quantity is a positive amount of something, written as in Kubernetes: "500m", "2", "1.5Gi". The zero value means that
// none was given.
type Quantity struct {
	amount resource.Quantity
}

// quantityForm is what of https://kubernetes.io/docs/reference/kubernetes-api/definitions/quantity-resource/ people
// write. Exponents are left out: they invite typing errors, and huge ones keep the parser busy for minutes.
var quantityForm = regexp.MustCompile(`^([0-9]{1,15})(\.[0-9]{1,9})?(m|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?$`)

// ParseQuantity reads a quantity that is greater than zero. Errors don't repeat the text.
func ParseQuantity(text string) (Quantity, error) {
	if !quantityForm.MatchString(text) {
		return Quantity{}, errors.New("must be a number greater than 0 with a unit of Kubernetes, such as 500m, 2 or 50Gi")
	}
	amount, err := resource.ParseQuantity(text)
	switch {
	case err != nil:
		return Quantity{}, errors.New("must be a quantity as in Kubernetes, such as 500m, 2 or 50Gi")
	case amount.Sign() <= 0:
		return Quantity{}, errors.New("must be greater than 0")
	case amount.CmpInt64(math.MaxInt64/1000) > 0: // thousandths must fit an int64
		return Quantity{}, errors.New("must be less than 8Pi")
	}
	return Quantity{amount: amount}, nil
}

// UnmarshalText is ParseQuantity.
func (q *Quantity) UnmarshalText(text []byte) error {
	parsed, err := ParseQuantity(string(text))
	if err != nil {
		return err
	}
	*q = parsed
	return nil
}

// MarshalText writes String.
func (q Quantity) MarshalText() ([]byte, error) { return []byte(q.String()), nil }

// IsSet is false for the zero value.
func (q Quantity) IsSet() bool { return !q.amount.IsZero() }

// Value is the amount in whole units, rounded up: bytes of storage and memory.
func (q Quantity) Value() int64 { return q.amount.Value() }

// MilliValue is the amount in thousandths, rounded up: millicores.
func (q Quantity) MilliValue() int64 { return q.amount.MilliValue() }

// String is the canonical form, empty when not set.
func (q Quantity) String() string {
	if !q.IsSet() {
		return ""
	}
	return q.amount.String()
}
