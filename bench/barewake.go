package bench

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"heliograph/sim"
)

// bareReply is what mail servers hear.
const bareReply = `<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><SendNotificationResult xmlns="http://schemas.microsoft.com/exchange/services/2006/messages"><SubscriptionStatus>OK</SubscriptionStatus></SendNotificationResult></s:Body></s:Envelope>`

// bareWake is the bare handler: it reads the body, pushes with net/http as it comes, and replies. It answers usage on
// lines, as a sender does.
func bareWake(ctx context.Context, t task, lines *bufio.Scanner, answers *json.Encoder) error {
	stop, err := profile(t.Profile)
	if err != nil {
		return err
	}
	defer stop()
	ready, err := readSims(t.Sims)
	if err != nil {
		return err
	}
	h, err := newBareHandler(ready)
	if err != nil {
		return err
	}
	certificate, err := tls.LoadX509KeyPair(t.Cert, t.Key)
	if err != nil {
		return err
	}
	port, err := net.Listen("tcp", anyPort)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: h, TLSConfig: &tls.Config{Certificates: []tls.Certificate{certificate}}, ReadHeaderTimeout: time.Minute}
	failed := make(chan error, 1)
	go func() { failed <- server.ServeTLS(port, "", "") }()
	defer server.Close()
	if err := answers.Encode(started{Listener: "https://" + port.Addr().String()}); err != nil {
		return err
	}
	for lines.Scan() {
		used, err := processorTime()
		if err != nil {
			return err
		}
		if err := answers.Encode(usage{CPU: used}); err != nil {
			return err
		}
	}
	select {
	case err := <-failed:
		return err
	default:
		return nil
	}
}

// bareHandler pushes to one device, whoever is asked about, unless it is told a sign of life.
type bareHandler struct {
	client *http.Client
	origin string
	bearer string
}

func newBareHandler(ready sim.Ready) (*bareHandler, error) {
	client, err := trusting(ready.CAFile)
	if err != nil {
		return nil, err
	}
	c := ready.Credentials.APNs
	bearer, err := providerToken(c.KeyP8, c.KeyID, c.TeamID)
	return &bareHandler{client, ready.Sims[sim.APNs], bearer}, err
}

func (h *bareHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, "", http.StatusBadRequest)
		return
	}
	if !bytes.Contains(body, []byte("StatusEvent")) {
		if err := h.push(r.Context()); err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
	}
	w.Header().Set("Content-Type", "text/xml; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(bareReply)))
	_, _ = io.WriteString(w, bareReply)
}

// bareToken is the device.
var bareToken = token(0)

func (h *bareHandler) push(ctx context.Context) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, h.origin+"/3/device/"+bareToken, bytes.NewReader([]byte(`{"aps":{"badge":4,"content-available":1}}`)))
	if err != nil {
		return err
	}
	r.Header = http.Header{
		"Apns-Topic": {appID}, "Apns-Push-Type": {"alert"}, "Apns-Priority": {"10"}, "Apns-Expiration": {strconv.FormatInt(time.Now().Add(24*time.Hour).Unix(), 10)},
		"Apns-Collapse-Id": {"AAECAwQFBgcICQoLDA0ODw"}, "Content-Type": {"application/json"}, "Authorization": {h.bearer},
	}
	answer, err := h.client.Transport.RoundTrip(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		return errors.New("the simulator answered " + answer.Status)
	}
	return nil
}
