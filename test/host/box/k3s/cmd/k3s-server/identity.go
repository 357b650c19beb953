package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// identity is a certificate authority, kept on disk, and what it has signed for this run.
type identity struct {
	ca        *x509.Certificate
	caPEM     []byte
	server    tls.Certificate
	adminCert []byte
	adminKey  []byte
}

// loadIdentity makes the authority at the first start only: kubeconfigs that were given away stay good.
func loadIdentity(folder string, names []string) (*identity, error) {
	certFile, keyFile := filepath.Join(folder, "server-ca.crt"), filepath.Join(folder, "server-ca.key")
	caPEM, err := os.ReadFile(certFile)
	if errors.Is(err, os.ErrNotExist) {
		caPEM, err = makeAuthority(folder, certFile, keyFile)
	}
	if err != nil {
		return nil, err
	}
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return nil, err
	}
	result := &identity{ca: pair.Leaf, caPEM: caPEM}
	key, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("%s: not an ECDSA key", keyFile)
	}
	serverCert, serverKey, err := result.sign(key, "k3s", "k3s", x509.ExtKeyUsageServerAuth, names)
	if err != nil {
		return nil, err
	}
	if result.server, err = tls.X509KeyPair(serverCert, serverKey); err != nil {
		return nil, err
	}
	result.adminCert, result.adminKey, err = result.sign(key, "system:admin", "system:masters", x509.ExtKeyUsageClientAuth, nil)
	return result, err
}

func makeAuthority(folder, certFile, keyFile string) ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(now.Unix()),
		Subject:               pkix.Name{CommonName: fmt.Sprintf("k3s-server-ca@%d", now.Unix())},
		NotBefore:             now.Add(-time.Hour),
		NotAfter:              now.AddDate(10, 0, 0),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	keyPEM, err := encodeKey(key)
	if err != nil {
		return nil, err
	}
	certPEM := encode("CERTIFICATE", der)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	// The certificate last: where it is, the key is as well.
	if err := os.WriteFile(keyFile, keyPEM, 0o600); err != nil {
		return nil, err
	}
	return certPEM, os.WriteFile(certFile, certPEM, 0o644)
}

func (i *identity) sign(caKey *ecdsa.PrivateKey, name, organisation string, usage x509.ExtKeyUsage, names []string) (cert, key []byte, err error) {
	own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()),
		Subject:      pkix.Name{CommonName: name, Organization: []string{organisation}},
		NotBefore:    i.ca.NotBefore,
		NotAfter:     now.AddDate(1, 0, 0),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{usage},
		DNSNames:     []string{"localhost", "kubernetes", "kubernetes.default.svc.cluster.local"},
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	for _, other := range names {
		if address := net.ParseIP(other); address != nil {
			template.IPAddresses = append(template.IPAddresses, address)
		} else {
			template.DNSNames = append(template.DNSNames, other)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, i.ca, own.Public(), caKey)
	if err != nil {
		return nil, nil, err
	}
	key, err = encodeKey(own)
	return encode("CERTIFICATE", der), key, err
}

func (i *identity) kubeconfig(port int) []byte {
	encoded := base64.StdEncoding.EncodeToString
	return fmt.Appendf(nil, `apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: %s
    server: https://127.0.0.1:%d
  name: default
contexts:
- context:
    cluster: default
    user: default
  name: default
current-context: default
kind: Config
preferences: {}
users:
- name: default
  user:
    client-certificate-data: %s
    client-key-data: %s
`, encoded(i.caPEM), port, encoded(i.adminCert), encoded(i.adminKey))
}

func encodeKey(key *ecdsa.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalECPrivateKey(key)
	return encode("EC PRIVATE KEY", der), err
}

func encode(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}
