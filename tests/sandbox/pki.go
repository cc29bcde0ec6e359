package sandbox

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// admin is the client that may do everything.
const admin = "admin"

// validity is long because nothing renews the certificates; the keys of the authorities that signed them are never
// written down.
const validity = 10 * 365 * 24 * time.Hour

// clients are the identities that reach the API, by the name of their kubeconfig. Names and groups are those that
// Kubernetes' built-in roles are bound to (https://kubernetes.io/docs/reference/access-authn-authz/rbac/).
func clients() map[string]pkix.Name {
	return map[string]pkix.Name{
		admin:                {CommonName: "sandbox-admin", Organization: []string{"system:masters"}},
		"controller-manager": {CommonName: "system:kube-controller-manager"},
		"scheduler":          {CommonName: "system:kube-scheduler"},
		"kwok":               {CommonName: kwokUser},
	}
}

// authority signs certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// writePKI makes all keys and certificates below dir/pki: one authority for the API and its clients, another one for
// etcd, so that no client of the API can reach the database.
func writePKI(dir string) error {
	pki := filepath.Join(dir, pkiFolder)
	if err := os.RemoveAll(pki); err != nil {
		return fmt.Errorf("remove unfinished certificates: %w", err)
	}
	if err := os.MkdirAll(pki, 0o700); err != nil {
		return fmt.Errorf("make the folder for certificates: %w", err)
	}
	loopback := []net.IP{net.IPv4(127, 0, 0, 1)}

	api, err := newAuthority(pki, "ca", "sandbox")
	if err != nil {
		return err
	}
	err = api.issue(pki, "apiserver", &x509.Certificate{
		Subject:     pkix.Name{CommonName: "kube-apiserver"},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IPAddresses: append(loopback, net.ParseIP(apiServiceIP)),
		DNSNames: []string{
			"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc",
			"kubernetes.default.svc.cluster.local",
		},
	})
	if err != nil {
		return err
	}
	for name, subject := range clients() {
		err := api.issue(pki, name, &x509.Certificate{
			Subject: subject, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		})
		if err != nil {
			return err
		}
	}

	etcd, err := newAuthority(pki, "etcd-ca", "sandbox-etcd")
	if err != nil {
		return err
	}
	// etcd uses its server certificate as a client of itself as well.
	err = etcd.issue(pki, "etcd", &x509.Certificate{
		Subject:     pkix.Name{CommonName: "etcd"},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		IPAddresses: loopback, DNSNames: []string{"localhost"},
	})
	if err != nil {
		return err
	}
	err = etcd.issue(pki, "etcd-client", &x509.Certificate{
		Subject: pkix.Name{CommonName: "kube-apiserver"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	if err != nil {
		return err
	}

	tokens, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("make the key for service account tokens: %w", err)
	}
	return writeKey(pki, "service-accounts", tokens)
}

func newAuthority(pki, name, commonName string) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make the key of %s: %w", name, err)
	}
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: commonName}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	a := &authority{cert: template, key: key}
	der, err := a.sign(template, &key.PublicKey)
	if err != nil {
		return nil, fmt.Errorf("make the certificate of %s: %w", name, err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		return nil, fmt.Errorf("read the certificate of %s: %w", name, err)
	}
	return a, writePEM(pki, name+".crt", "CERTIFICATE", der)
}

// issue writes name.crt and name.key.
func (a *authority) issue(pki, name string, template *x509.Certificate) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("make the key of %s: %w", name, err)
	}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	der, err := a.sign(template, &key.PublicKey)
	if err != nil {
		return fmt.Errorf("make the certificate of %s: %w", name, err)
	}
	if err := writePEM(pki, name+".crt", "CERTIFICATE", der); err != nil {
		return err
	}
	return writeKey(pki, name, key)
}

func (a *authority) sign(template *x509.Certificate, key *ecdsa.PublicKey) ([]byte, error) {
	const serialBits = 127
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), serialBits))
	if err != nil {
		return nil, err
	}
	template.SerialNumber = serial
	// A little in the past, for clocks that are set back.
	template.NotBefore = time.Now().Add(-time.Hour)
	template.NotAfter = time.Now().Add(validity)
	return x509.CreateCertificate(rand.Reader, template, a.cert, key, a.key)
}

func writeKey(pki, name string, key *ecdsa.PrivateKey) error {
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return fmt.Errorf("encode the key of %s: %w", name, err)
	}
	return writePEM(pki, name+".key", "EC PRIVATE KEY", der)
}

func writePEM(pki, name, kind string, der []byte) error {
	content := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
	if err := os.WriteFile(filepath.Join(pki, name), content, 0o600); err != nil {
		return fmt.Errorf("write a certificate or key: %w", err)
	}
	return nil
}

// writeKubeconfigs writes a kubeconfig for every client. Each contains its key and certificates, so it can be copied
// elsewhere.
func writeKubeconfigs(dir string, port int) error {
	pki := filepath.Join(dir, pkiFolder)
	ca, err := os.ReadFile(filepath.Join(pki, "ca.crt"))
	if err != nil {
		return fmt.Errorf("read the API's certificate authority: %w", err)
	}
	for name := range clients() {
		cert, err := os.ReadFile(filepath.Join(pki, name+".crt"))
		if err != nil {
			return fmt.Errorf("read the certificate of %s: %w", name, err)
		}
		key, err := os.ReadFile(filepath.Join(pki, name+".key"))
		if err != nil {
			return fmt.Errorf("read the key of %s: %w", name, err)
		}
		config := clientcmdapi.Config{
			Clusters: map[string]*clientcmdapi.Cluster{Context: {
				Server: fmt.Sprintf("https://127.0.0.1:%d", port), CertificateAuthorityData: ca,
			}},
			AuthInfos:      map[string]*clientcmdapi.AuthInfo{name: {ClientCertificateData: cert, ClientKeyData: key}},
			Contexts:       map[string]*clientcmdapi.Context{Context: {Cluster: Context, AuthInfo: name}},
			CurrentContext: Context,
		}
		if err := clientcmd.WriteToFile(config, kubeconfigOf(dir, name)); err != nil {
			return fmt.Errorf("write the kubeconfig of %s: %w", name, err)
		}
	}
	return nil
}

// kubeconfigOf is where a client's kubeconfig is: the admin's, which is for people, at the top.
func kubeconfigOf(dir, client string) string {
	if client == admin {
		return filepath.Join(dir, kubeconfigFile)
	}
	return filepath.Join(dir, pkiFolder, client+".kubeconfig")
}
