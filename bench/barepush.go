package bench

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"heliograph/sim"
)

// pushWidth is how many requests are in flight: fewer than the streams of one connection.
const pushWidth = 900

// barePush posts pushes with net/http as it comes. The first one goes alone: by then the connection is there.
func barePush(ctx context.Context, ready sim.Ready, _, n int) error {
	client, err := trusting(ready.CAFile)
	if err != nil {
		return err
	}
	c := ready.Credentials.APNs
	bearer, err := providerToken(c.KeyP8, c.KeyID, c.TeamID)
	if err != nil {
		return err
	}
	expires := strconv.FormatInt(time.Now().Add(24*time.Hour).Unix(), 10)
	push := func(i int) error {
		text := fmt.Appendf(nil, `{"aps":{"alert":{"body":"Hello %s, %s's iPhone still runs 18.6.2. Please update it today: your ward's apps need it."},"sound":"default"}}`,
			givenNames[i%len(givenNames)], givenNames[i%len(givenNames)])
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, ready.Sims[sim.APNs]+"/3/device/"+token(i), bytes.NewReader(text))
		if err != nil {
			return err
		}
		id := strconv.Itoa(i)
		r.Header = http.Header{
			"Apns-Topic": {appID}, "Apns-Push-Type": {"alert"}, "Apns-Priority": {"10"}, "Apns-Expiration": {expires},
			"Apns-Id": {fmt.Sprintf("00000000-0000-5000-8000-%012d", i)}, "Apns-Collapse-Id": {id},
			"Content-Type": {"application/json"}, "Authorization": {bearer},
		}
		answer, err := client.Transport.RoundTrip(r)
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			return fmt.Errorf("the simulator answered %s", answer.Status)
		}
		return nil
	}
	if err := push(0); err != nil {
		return err
	}
	return spread(n-1, pushWidth, func() (func(int) error, func(), error) {
		return func(i int) error { return push(i + 1) }, func() {}, nil
	})
}

// providerToken signs who we are (Apple, "Establishing a token-based connection to APNs").
func providerToken(keyP8, keyID, teamID string) (string, error) {
	block, _ := pem.Decode([]byte(keyP8))
	if block == nil {
		return "", errors.New("the simulator's key is not PEM")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return "", err
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok {
		return "", errors.New("the simulator's key is not of an elliptic curve")
	}
	encode := base64.RawURLEncoding.EncodeToString
	signed := encode(fmt.Appendf(nil, `{"alg":"ES256","kid":%q}`, keyID)) + "." + encode(fmt.Appendf(nil, `{"iss":%q,"iat":%d}`, teamID, time.Now().Unix()))
	hash := sha256.Sum256([]byte(signed))
	r, s, err := ecdsa.Sign(rand.Reader, key, hash[:])
	if err != nil {
		return "", err
	}
	signature := make([]byte, 64)
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	return "bearer " + signed + "." + encode(signature), nil
}
