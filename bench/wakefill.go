package bench

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"heliograph/fleet"
	"heliograph/mailbox"
	"heliograph/store"
)

// fillMail registers devices, each with a subscription that has told of mails: a row that did not would grow by its first.
func fillMail(ctx context.Context, s *store.Store, n int) error {
	secret := sha256.Sum256([]byte("secret"))
	for first := 0; first < n; first += fillPage {
		var list []store.Subscribed
		for i := first; i < min(n, first+fillPage); i++ {
			v := store.Subscribed{
				Registration: mailbox.Registration{
					ID: mailbox.RegistrationID(digest("id", i)), SupportCode: fmt.Sprintf("%08d", i), Platform: mailbox.IOS, App: appID,
					Environment: fleet.Production, Wake: mailbox.WakeBadge, AppKey: "bench", Token: token(i),
				},
				CapabilityHash: capability(i).Hash(), SecretHash: secret[:],
				SubscriptionID: subscription(i), Server: mailServer(i), Frequency: beatEvery, Watermarks: [2]string{"last", "before"},
			}
			unread := 1
			v.Badge.Count = &unread
			list = append(list, v)
		}
		if err := s.AddRegistrations(ctx, list); err != nil {
			return fmt.Errorf("storing registrations: %w", err)
		}
	}
	return s.Analyze(ctx)
}

func digest(what string, i int) [16]byte {
	sum := sha256.Sum256(fmt.Append(nil, "heliograph bench ", what, i))
	return [16]byte(sum[:16])
}

// capability is the secret in the address of the i-th device.
func capability(i int) mailbox.Capability { return mailbox.Capability(digest("capability", i)) }

// serverNames is how many mail servers there are in the imagined organisation.
const serverNames = 8

func mailServer(i int) string { return fmt.Sprintf("ex%02d.corp.bench.example", i%serverNames) }

// subscription is an id in the form of Exchange 2016: the server's name and two GUIDs.
func subscription(i int) string {
	name := mailServer(i)
	raw := binary.LittleEndian.AppendUint16(nil, uint16(len(name))) //nolint:gosec // short
	raw = append(raw, name...)
	for _, part := range []string{"subscription", "mailbox"} {
		guid := digest(part, i)
		raw = append(binary.LittleEndian.AppendUint32(raw, 16), guid[:]...)
		if part == "subscription" {
			raw = append(raw, 0, 1, 2, 3, 4, 5, 6, 8) // when it was made
		}
	}
	return base64.StdEncoding.EncodeToString(raw)
}

// writeCertificate makes one that signs itself, for loopback.
func writeCertificate(dir string) error {
	if exists(filepath.Join(dir, certFile)) {
		return nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "listener"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(filepath.Join(dir, certFile), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600),
		os.WriteFile(filepath.Join(dir, keyFile), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600),
	)
}
