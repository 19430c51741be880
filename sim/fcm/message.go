package fcm

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

// Limits of the service.
const (
	maxPayload      = 4096 // bytes of data and notification, keys and values
	maxTopicPayload = 2048
	maxTTL          = 28 * 24 * 3600 // seconds
	maxToken        = 4096
)

// request is the body of messages:send.
type request struct {
	ValidateOnly      bool     `json:"validate_only"`
	ValidateOnlyCamel bool     `json:"validateOnly"` // the JSON mapping of protocol buffers takes both spellings
	Message           *message `json:"message"`
}

func (r request) dry() bool { return r.ValidateOnly || r.ValidateOnlyCamel }

// message is a message as far as the service judges it.
type message struct {
	Name         string            `json:"name"`
	Token        string            `json:"token"`
	FID          string            `json:"fid"`
	Topic        string            `json:"topic"`
	Condition    string            `json:"condition"`
	Data         map[string]string `json:"data"`
	Notification map[string]any    `json:"notification"`
	Android      *android          `json:"android"`
	APNS         map[string]any    `json:"apns"`
	Webpush      map[string]any    `json:"webpush"`
	Options      map[string]any    `json:"fcm_options"`
	OptionsCamel map[string]any    `json:"fcmOptions"`
}

type android struct {
	Priority     string         `json:"priority"`
	TTL          string         `json:"ttl"`
	Notification map[string]any `json:"notification"`

	CollapseKey     string            `json:"collapse_key"`
	CollapseCamel   string            `json:"collapseKey"`
	Package         string            `json:"restricted_package_name"`
	PackageCamel    string            `json:"restrictedPackageName"`
	DirectBoot      bool              `json:"direct_boot_ok"`
	DirectBootCamel bool              `json:"directBootOk"`
	Data            map[string]string `json:"data"`
	Options         map[string]any    `json:"fcm_options"`
	OptionsCamel    map[string]any    `json:"fcmOptions"`
	Satellite       bool              `json:"restricted_satellite_ok"`
	Bandwidth       bool              `json:"bandwidth_constrained_ok"`
	SatelliteCamel  bool              `json:"restrictedSatelliteOk"`
	BandwidthCamel  bool              `json:"bandwidthConstrainedOk"`
	Proxy           string            `json:"proxy"`
}

// violation is one thing wrong with a request: google.rpc.BadRequest.FieldViolation.
type violation struct {
	Field       string `json:"field"`
	Description string `json:"description"`
}

// parse reads a request; a violation with a description means that it is no such request at all.
func parse(body []byte) (request, violation) {
	var r request
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(&r)
	if err == nil {
		if _, more := decoder.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("something follows the request")
		}
	}
	var wrong *json.UnmarshalTypeError
	switch {
	case errors.As(err, &wrong):
		return r, violation{wrong.Field, fmt.Sprintf("cannot be a JSON %s", wrong.Value)}
	case err != nil:
		return r, violation{"", strings.TrimPrefix(err.Error(), "json: ")}
	}
	return r, violation{}
}

// check finds the first thing that the service would refuse in a message, its token apart.
func (m *message) check() violation {
	if m == nil {
		return violation{"message", "is missing"}
	}
	targets := 0
	for _, target := range []string{m.Token, m.FID, m.Topic, m.Condition} {
		if target != "" {
			targets++
		}
	}
	if targets != 1 {
		return violation{"message", "needs exactly one of token, fid, topic and condition"}
	}
	for key := range m.Data {
		if reserved(key) {
			return violation{"message.data", fmt.Sprintf("the key %q is reserved", key)}
		}
	}
	if v := m.Android.check(); v.Description != "" {
		return v
	}
	return m.checkSize()
}

func reserved(key string) bool {
	return key == "" || key == "from" || key == "message_type" || strings.HasPrefix(key, "gcm") || strings.HasPrefix(key, "google")
}

func (a *android) check() violation {
	if a == nil {
		return violation{}
	}
	switch strings.ToLower(a.Priority) {
	case "", "high", "normal":
	default:
		return violation{"message.android.priority", "must be high or normal"}
	}
	if !validTTL(a.TTL) {
		return violation{"message.android.ttl", "must be seconds with an s, from 0s to 2419200s"}
	}
	return violation{}
}

// validTTL wants a protobuf duration in JSON: decimal seconds and "s".
func validTTL(ttl string) bool {
	if ttl == "" {
		return true
	}
	number, ok := strings.CutSuffix(ttl, "s")
	seconds, err := strconv.ParseFloat(number, 64)
	return ok && err == nil && !math.IsNaN(seconds) && seconds >= 0 && seconds <= maxTTL
}

func (m *message) checkSize() violation {
	limit := maxPayload
	if m.Topic != "" || m.Condition != "" {
		limit = maxTopicPayload
	}
	size := 0
	for key, value := range m.Data {
		size += len(key) + len(value)
	}
	for key, value := range m.Notification {
		size += len(key)
		if text, ok := value.(string); ok {
			size += len(text)
		}
	}
	if size > limit {
		return violation{"message", fmt.Sprintf("the payload has %d bytes, at most %d are allowed", size, limit)}
	}
	return violation{}
}

// target is where the message goes.
func (m *message) target() string {
	if m == nil {
		return ""
	}
	for _, target := range []string{m.Token, m.FID, m.Topic} {
		if target != "" {
			return target
		}
	}
	return m.Condition
}

// wellFormed: what could be a registration token. The service promises nothing about its form.
func wellFormed(token string) bool {
	if len(token) > maxToken {
		return false
	}
	for _, c := range []byte(token) {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return true
}
