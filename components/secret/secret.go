// Package secret makes values that are generated once and kept: passwords, keys and sandbox certificates.
//
// A value is drawn while the program runs and stored as an encrypted secret in the stack's state, by the engine's own
// Stash resource, which holds on to the first value it was given. Nothing outside the state knows it; losing the state
// means losing the value, so what encrypts data must be part of a backup too.
package secret

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/dekcd/dmcloud/components/app"
	"github.com/dekcd/dmcloud/components/secret/random"
)

// Text makes a text from what generate asks for and keeps it under the resource name. The name is the value's identity:
// under a new name there is a new value.
func Text(
	ctx *pulumi.Context, name string, generate app.Generate, opts ...pulumi.ResourceOption,
) (pulumi.StringOutput, error) {
	drawn, err := random.Text(generate)
	if err != nil {
		return pulumi.StringOutput{}, fmt.Errorf("secret %s: %w", name, err)
	}
	kept, err := keep(ctx, name, pulumi.String(drawn), opts...)
	if err != nil {
		return pulumi.StringOutput{}, err
	}
	return kept.ApplyT(func(value any) (string, error) {
		text, ok := value.(string)
		if !ok {
			return "", fmt.Errorf("secret %s: the state holds something that is not text", name)
		}
		return text, nil
	}).(pulumi.StringOutput), nil
}

// keep stores the value the first time and returns the stored one ever after.
func keep(ctx *pulumi.Context, name string, value pulumi.Input, opts ...pulumi.ResourceOption) (pulumi.Output, error) {
	// The value drawn in later runs differs; ignoring the change keeps previews quiet.
	opts = append([]pulumi.ResourceOption{pulumi.IgnoreChanges([]string{"input"})}, opts...)
	stash, err := pulumi.NewStash(ctx, name, &pulumi.StashArgs{Input: pulumi.ToSecret(value)}, opts...)
	if err != nil {
		return nil, fmt.Errorf("keep secret %s: %w", name, err)
	}
	return pulumi.ToSecret(stash.Output), nil
}

const (
	// certificateLife is less than the 825 days that Apple's systems accept, https://support.apple.com/HT210176.
	certificateLife = 398 * 24 * time.Hour
	// clockSkew is how far behind the clock of a browser may be.
	clockSkew = time.Hour
)

// Certificate is a certificate and its key, both PEM.
type Certificate struct {
	Certificate pulumi.StringOutput
	Key         pulumi.StringOutput
}

// SelfSigned makes a certificate for one DNS name that nobody but its owner trusts, valid for 398 days, and keeps it
// under the resource name.
func SelfSigned(ctx *pulumi.Context, name, host string, opts ...pulumi.ResourceOption) (Certificate, error) {
	certificate, key, err := selfSigned(host, time.Now())
	if err != nil {
		return Certificate{}, fmt.Errorf("certificate %s: %w", name, err)
	}
	kept, err := keep(ctx, name, pulumi.StringMap{
		"certificate": pulumi.String(certificate), "key": pulumi.String(key),
	}, opts...)
	if err != nil {
		return Certificate{}, err
	}
	part := func(key string) pulumi.StringOutput {
		return kept.(pulumi.AnyOutput).ApplyT(func(value any) (string, error) {
			parts, _ := value.(map[string]any)
			text, ok := parts[key].(string)
			if !ok {
				return "", fmt.Errorf("certificate %s: the state holds no %s", name, key)
			}
			return text, nil
		}).(pulumi.StringOutput)
	}
	return Certificate{Certificate: part("certificate"), Key: part("key")}, nil
}

func selfSigned(host string, now time.Time) (certificate, key string, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", "", fmt.Errorf("make a key: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return "", "", fmt.Errorf("draw a serial number: %w", err)
	}
	start := now.Add(-clockSkew)
	template := &x509.Certificate{
		// Only the alternative names count, and a host name may be longer than a common name.
		SerialNumber: serial, Subject: pkix.Name{CommonName: "dmcloud self-signed"}, DNSNames: []string{host},
		NotBefore: start, NotAfter: start.Add(certificateLife),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		return "", "", fmt.Errorf("sign: %w", err)
	}
	private8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return "", "", fmt.Errorf("write the key: %w", err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private8})), nil
}
