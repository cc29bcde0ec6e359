package secret_test

import (
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dekcd/dmcloud/components/app"
	"github.com/dekcd/dmcloud/components/secret"
	"github.com/dekcd/dmcloud/tests/recorder"
)

const (
	stash      = "pulumi:index:Stash"
	upper      = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digits     = "0123456789"
	everything = upper + "abcdefghijklmnopqrstuvwxyz" + digits
)

func options() recorder.Options {
	return recorder.Options{AllowAtRoot: []string{stash}}
}

// text exports a text under its name.
func text(name string, g app.Generate) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error {
		value, err := secret.Text(ctx, name, g)
		if err != nil {
			return err
		}
		ctx.Export("value", value)
		return nil
	}
}

// certificate exports both parts.
func certificate(name, host string) pulumi.RunFunc {
	return func(ctx *pulumi.Context) error {
		c, err := secret.SelfSigned(ctx, name, host)
		if err != nil {
			return err
		}
		ctx.Export("certificate", c.Certificate)
		ctx.Export("key", c.Key)
		return nil
	}
}

// drawn runs the program and gives the text.
func drawn(t *testing.T, g app.Generate) string {
	t.Helper()
	value, ok := recorder.Run(t, options(), text("password", g)).Exports["value"].Value.(string)
	require.True(t, ok)
	return value
}

func TestTextsAreOfTheirAlphabetAndLength(t *testing.T) {
	t.Parallel()
	for alphabet, letters := range map[app.Alphabet]string{
		app.Alphanumeric: everything, app.Hexadecimal: digits + "abcdef",
	} {
		for _, length := range []int{1, 16, 128} {
			value := drawn(t, app.Generate{Length: length, Alphabet: alphabet})
			assert.Len(t, value, length)
			assert.Empty(t, strings.Trim(value, letters), "nothing else is in it")
		}
	}
}

// TestEveryCharacterIsAboutAsLikely would notice a letter that is missing or preferred, as with a remainder of a byte.
// The bounds are eight standard deviations wide.
func TestEveryCharacterIsAboutAsLikely(t *testing.T) {
	t.Parallel()
	for alphabet, letters := range map[app.Alphabet]string{
		app.Alphanumeric: everything, app.Hexadecimal: digits + "abcdef",
	} {
		const expected = 1600
		value := drawn(t, app.Generate{Length: expected * len(letters), Alphabet: alphabet})
		for _, letter := range letters {
			assert.InDelta(t, expected, strings.Count(value, string(letter)), 320, "%s %c", alphabet, letter)
		}
	}
}

func TestTwoDrawsDiffer(t *testing.T) {
	t.Parallel()
	g := app.Generate{Length: 32, Alphabet: app.Hexadecimal}
	first, second := drawn(t, g), drawn(t, g)
	assert.NotEqual(t, first, second)
}

func TestWhatCantBeDrawnIsAnErrorThatNamesTheSecret(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		generate app.Generate
		want     string
	}{
		"no alphabet":         {app.Generate{Length: 16}, `secret password: unknown alphabet ""`},
		"an unknown alphabet": {app.Generate{Length: 16, Alphabet: "runes"}, `secret password: unknown alphabet "runes"`},
		"no length":           {app.Generate{Alphabet: app.Hexadecimal}, "secret password: a length of 0 characters"},
		"a negative length":   {app.Generate{Length: -1, Alphabet: app.Hexadecimal}, "a length of -1 characters"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := recorder.RunErr(t, options(), text("password", c.generate))
			require.ErrorContains(t, err, c.want)
			assert.Empty(t, r.Resources)
		})
	}
}

func TestANamelessSecretIsAnError(t *testing.T) {
	t.Parallel()
	for _, program := range []pulumi.RunFunc{
		text("", app.Generate{Length: 16, Alphabet: app.Hexadecimal}), certificate("", "lab.example.org"),
	} {
		_, err := recorder.RunErr(t, options(), program)
		require.ErrorContains(t, err, "keep secret : ")
	}
}

func TestValuesAreKeptEncryptedAndQuiet(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		program pulumi.RunFunc
		exports []string
	}{
		"a text":        {text("password", app.Generate{Length: 32, Alphabet: app.Alphanumeric}), []string{"value"}},
		"a certificate": {certificate("web-tls", "lab.example.org"), []string{"certificate", "key"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			recorder.EachMode(t, options(), c.program, func(t *testing.T, r *recorder.Recording) {
				require.Len(t, r.Of(stash), 1)
				kept := r.Of(stash)[0]
				assert.True(t, kept.Inputs["input"].IsSecret())
				assert.Equal(t, []string{"input"}, kept.IgnoreChanges, "a later draw is no change")
				require.Len(t, r.Exports, len(c.exports))
				for _, export := range c.exports {
					assert.True(t, r.Exports[export].Secret, export)
				}
			})
		})
	}
}

// kept makes the state hold an earlier value.
func kept(value resource.PropertyValue) recorder.Options {
	o := options()
	o.Computed = map[string]func(recorder.Resource) resource.PropertyMap{
		stash: func(recorder.Resource) resource.PropertyMap {
			return resource.PropertyMap{"output": resource.MakeSecret(value)}
		},
	}
	return o
}

func TestTheKeptValueSurvivesALaterDraw(t *testing.T) {
	t.Parallel()
	r := recorder.Run(t, kept(resource.NewProperty("the first")),
		text("password", app.Generate{Length: 32, Alphabet: app.Alphanumeric}))
	assert.Equal(t, recorder.Export{Value: "the first", Known: true, Secret: true}, r.Exports["value"])

	r = recorder.Run(t, kept(resource.NewProperty(resource.PropertyMap{
		"certificate": resource.NewProperty("the first certificate"), "key": resource.NewProperty("the first key"),
	})), certificate("web-tls", "lab.example.org"))
	assert.Equal(t, "the first certificate", r.Exports["certificate"].Value)
	assert.Equal(t, "the first key", r.Exports["key"].Value)
}

func TestAStateWithSomethingElseIsAnErrorThatDoesNotTellIt(t *testing.T) {
	t.Parallel()
	const canary = "CANARY-in-the-state"
	for name, c := range map[string]struct {
		state   resource.PropertyValue
		program pulumi.RunFunc
		want    string
	}{
		"a text that is a number": {
			resource.NewProperty(7.0), text("password", app.Generate{Length: 16, Alphabet: app.Hexadecimal}),
			"secret password: the state holds something that is not text",
		},
		"a certificate that is a text": {
			resource.NewProperty(canary), certificate("web-tls", "lab.example.org"),
			"certificate web-tls: the state holds no ",
		},
		"a certificate without its key": {
			resource.NewProperty(resource.PropertyMap{"certificate": resource.NewProperty(canary)}),
			certificate("web-tls", "lab.example.org"), "certificate web-tls: the state holds no key",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := kept(c.state)
			o.Canaries = []string{canary}
			_, err := recorder.RunErr(t, o, c.program)
			require.ErrorContains(t, err, c.want)
			assert.NotContains(t, err.Error(), canary)
		})
	}
}

func TestTheSelfSignedCertificateServesItsHost(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 60) + "." + strings.Repeat("b", 60) + ".example.org"
	for _, host := range []string{"lab.example.org", long} {
		r := recorder.Run(t, options(), certificate("web-tls", host))
		certificatePEM, keyPEM := r.Exports["certificate"].Value.(string), r.Exports["key"].Value.(string)
		_, err := tls.X509KeyPair([]byte(certificatePEM), []byte(keyPEM))
		require.NoError(t, err, "the key is the certificate's")
		block, rest := pem.Decode([]byte(certificatePEM))
		assert.Empty(t, rest)
		parsed, err := x509.ParseCertificate(block.Bytes)
		require.NoError(t, err)

		roots := x509.NewCertPool()
		roots.AddCert(parsed)
		verify := func(name string, at time.Time) error {
			_, err := parsed.Verify(x509.VerifyOptions{DNSName: name, Roots: roots, CurrentTime: at})
			return err
		}
		now := time.Now()
		require.NoError(t, verify(host, now))
		require.NoError(t, verify(host, now.Add(-30*time.Minute)), "clocks differ")
		require.NoError(t, verify(host, now.AddDate(1, 0, 0)))
		require.Error(t, verify(host, now.Add(399*24*time.Hour)))
		require.Error(t, verify("other.example.org", now))
		assert.False(t, parsed.IsCA, "who trusts it trusts no other")
		assert.LessOrEqual(t, parsed.NotAfter.Sub(parsed.NotBefore), 398*24*time.Hour)
		assert.LessOrEqual(t, len(parsed.Subject.CommonName), 64, "the bound of RFC 5280")
		assert.IsType(t, &ecdsa.PublicKey{}, parsed.PublicKey)
		assert.NotNil(t, parsed.SerialNumber)
	}
}
