package environment_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"
	sigsyaml "sigs.k8s.io/yaml"

	"github.com/dekcd/dmcloud/stacks/environment"
)

func TestSensitiveIsNeverPrinted(t *testing.T) {
	t.Parallel()
	type open struct{ Value environment.Sensitive }
	type closed struct{ value environment.Sensitive }
	secret := environment.NewSensitive(canary)
	for _, holder := range []any{
		secret, &secret, open{secret}, &open{secret}, closed{secret}, &closed{secret},
		[]environment.Sensitive{secret}, map[string]environment.Sensitive{"key": secret},
		environment.Mail{Password: secret}, environment.Cluster{KubeconfigContent: secret},
	} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%p"} {
			printed := fmt.Sprintf(verb, holder)
			assert.NotContains(t, printed, canary, verb)
			assert.NotContains(t, printed, fmt.Sprintf("%x", canary), verb)
		}
		for name, marshal := range map[string]func(any) ([]byte, error){
			"json": json.Marshal, "yaml": yaml.Marshal, "yaml of Kubernetes": sigsyaml.Marshal,
		} {
			encoded, err := marshal(holder)
			require.NoError(t, err, name)
			assert.NotContains(t, string(encoded), canary, name)
		}
	}
	assert.Equal(t, "[secret]", secret.String())
	assert.Equal(t, "[secret]", fmt.Sprint(secret))
	assert.Equal(t, "environment.Sensitive{[secret]}", fmt.Sprintf("%#v", secret))
	assert.Equal(t, canary, secret.Reveal())
	assert.True(t, secret.IsSet())
}

func TestSensitiveIsEmptyWhenNotSet(t *testing.T) {
	t.Parallel()
	var secret environment.Sensitive
	assert.Equal(t, secret, environment.NewSensitive(""))
	assert.False(t, secret.IsSet())
	assert.Empty(t, secret.Reveal())
	assert.Empty(t, fmt.Sprint(secret))
	encoded, err := json.Marshal(secret)
	require.NoError(t, err)
	assert.JSONEq(t, `""`, string(encoded))
}

func TestParseQuantity(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct {
		value, milli int64
		canonical    string
	}{
		"1":       {1, 1000, "1"},
		"500m":    {1, 500, "500m"},
		"0.1":     {1, 100, "100m"},
		"1.5Gi":   {3 << 29, 3 << 29 * 1000, "1536Mi"},
		"50Gi":    {50 << 30, 50 << 30 * 1000, "50Gi"},
		"2G":      {2e9, 2e12, "2G"},
		"0.0001m": {1, 1, "1n"}, // rounded up: never nothing
	} {
		got, err := environment.ParseQuantity(text)
		require.NoError(t, err, text)
		assert.Equal(t, want.value, got.Value(), text)
		assert.Equal(t, want.milli, got.MilliValue(), text)
		assert.True(t, got.IsSet(), text)
	}
	for _, text := range []string{
		"", " ", "0", "0Gi", "-1", "+1", "1 Gi", "1gi", "50Gb", "50GB", "1e3", "1E9", "1e999999999", "1Ei", "9Pi", ".5Gi",
		"NaN", "Inf", "0x10", "1,5Gi", "999999999999999Pi", "1\n",
	} {
		got, err := environment.ParseQuantity(text)
		require.Error(t, err, text)
		assert.False(t, got.IsSet(), text)
	}
}

func FuzzParseQuantity(f *testing.F) {
	for _, text := range []string{"1", "1.5Gi", "500m", "1e9", "0", "-1", "999999999999999.999999999Pi"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := environment.ParseQuantity(text)
		if err != nil {
			return
		}
		assert.Positive(t, got.Value())
		assert.Positive(t, got.MilliValue())
		again, err := environment.ParseQuantity(got.String())
		if err == nil { // canonical forms may have units people don't write: "1n"
			assert.Equal(t, got.MilliValue(), again.MilliValue())
		}
	})
}
