package phone

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"heliograph/sim/control"
)

// registration is what the registration service gave a phone.
type registration struct {
	ID           string            `json:"id"`
	Secret       string            `json:"secret"`
	ListenerURLs map[string]string `json:"listener_urls"`
	SupportCode  string            `json:"support_code"`
	Region       string            `json:"region"`
	Subscribe    struct {
		Types     []string `json:"event_types"`
		Frequency int      `json:"status_frequency_minutes"`
	} `json:"subscribe"`
}

// registered is what the service says of a registration later.
type registered struct {
	State       string `json:"state"`
	Resubscribe bool   `json:"resubscribe"`
}

// service speaks with a registration service.
type service struct {
	origin string
	client *http.Client
}

// answered is a status that is no success.
type answered int

func (a answered) Error() string { return fmt.Sprintf("the registration service answered %d", int(a)) }

// gone: the service does not know the registration any more, and the app registers anew.
func gone(err error) bool {
	status, ok := errors.AsType[answered](err)
	return ok && (status == http.StatusNotFound || status == http.StatusGone)
}

func (s service) register(ctx context.Context, o MailerOptions, folders []string) (registration, error) {
	var out registration
	err := s.call(ctx, http.MethodPost, "/v1/registrations", o.AppKey, map[string]any{
		"platform": o.Platform, "token": o.Token, "app": o.App, "environment": o.Environment, "wake": o.Wake, "folders": folders,
	}, &out)
	return out, err
}

// bind tells which subscription of Exchange belongs to the registration, which the watchdog wants to know.
func (s service) bind(ctx context.Context, r registration, folder, subscription string) error {
	return s.call(ctx, http.MethodPut, "/v1/registrations/"+url.PathEscape(r.ID)+"/subscriptions/"+folder, r.Secret, map[string]any{
		"source": "ews", "subscription_id": subscription, "folder": folder, "status_frequency_minutes": r.Subscribe.Frequency,
	}, nil)
}

func (s service) look(ctx context.Context, r registration) (registered, error) {
	var out registered
	return out, s.call(ctx, http.MethodGet, "/v1/registrations/"+url.PathEscape(r.ID), r.Secret, nil, &out)
}

func (s service) leave(ctx context.Context, r registration) error {
	return s.call(ctx, http.MethodDelete, "/v1/registrations/"+url.PathEscape(r.ID), r.Secret, nil, nil)
}

// call sends a body, unless it is nil, and reads the answer, unless into is nil.
func (s service) call(ctx context.Context, method, path, bearer string, body, into any) error {
	var content io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return err
		}
		content = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(s.origin, "/")+path, content)
	if err != nil {
		return errors.New("the registration service's address cannot be read")
	}
	request.Header.Set("Authorization", "Bearer "+bearer)
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := s.client.Do(request)
	if err != nil {
		return errors.New("the registration service cannot be reached")
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, control.MaxBody))
	if err != nil {
		return errors.New("the registration service broke off")
	}
	if response.StatusCode/100 != 2 {
		return answered(response.StatusCode)
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(text, into); err != nil {
		return errors.New("the registration service's answer cannot be read")
	}
	return nil
}
