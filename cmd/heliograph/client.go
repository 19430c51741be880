package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// remote is how import and send reach the API of a running Heliograph.
type remote struct {
	API       string `help:"Address of the API. Without a path, /api/v1 is meant." default:"http://127.0.0.1:8080/api/v1" name:"api"`
	TokenFile string `help:"File with the API token, - for standard input. Without it: the variable HELIOGRAPH_TOKEN." placeholder:"FILE"`
	CAFile    string `help:"PEM file with the authority that signed the API's certificate, when it is not a public one." placeholder:"FILE"`
}

// tokenEnv holds the API token. It has no flag, because what stands on a command line is seen by everybody.
const tokenEnv = "HELIOGRAPH_TOKEN"

// answerTime bounds the wait for the beginning of an answer, after the request was sent in full.
const answerTime = 5 * time.Minute

// client calls the API.
type client struct {
	base  string
	token string
	http  *http.Client
}

func (r remote) client(term terminal) (*client, error) {
	base, err := r.base()
	if err != nil {
		return nil, err
	}
	token, err := r.token(term.in)
	if err != nil {
		return nil, err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.ResponseHeaderTimeout = answerTime
	if r.CAFile != "" {
		if transport.TLSClientConfig, err = trust(r.CAFile); err != nil {
			return nil, err
		}
	}
	return &client{base, token, &http.Client{Transport: transport}}, nil
}

func (r remote) base() (string, error) {
	u, err := url.Parse(r.API)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return "", misused("--api must be a URL such as http://127.0.0.1:8080/api/v1")
	}
	if strings.Trim(u.Path, "/") == "" {
		u.Path = "/api/v1"
	}
	return strings.TrimSuffix(u.String(), "/"), nil
}

func (r remote) token(in io.Reader) (string, error) {
	if r.TokenFile == "" {
		token := strings.TrimSpace(os.Getenv(tokenEnv))
		if token == "" {
			return "", misused("an API token is needed: put it into %s, or name a file with --token-file (heliograph token create makes one)", tokenEnv)
		}
		return token, nil
	}
	text, err := readText(r.TokenFile, in)
	if err != nil {
		return "", fmt.Errorf("reading the token: %w", err)
	}
	token := strings.TrimSpace(text)
	if token == "" || strings.ContainsAny(token, " \t\r\n") {
		return "", fmt.Errorf("%s does not hold one API token", named(r.TokenFile))
	}
	return token, nil
}

func trust(file string) (*tls.Config, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading --ca-file: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s holds no certificate in PEM", file)
	}
	return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, nil
}

// call sends a request and reads the answer into reply, which may be nil. A refusal is *refusal.
func (c *client) call(ctx context.Context, method, path string, body io.Reader, headers map[string]string, reply any) error {
	request, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+c.token)
	request.Header.Set("Accept", "application/json")
	for name, value := range headers {
		request.Header.Set(name, value)
	}
	answer, err := c.http.Do(request)
	if err != nil {
		return fmt.Errorf("calling the API: %w", err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	switch {
	case err != nil:
		return fmt.Errorf("reading the API's answer: %w", err)
	case answer.StatusCode >= 300:
		return refused(answer, text)
	case reply == nil:
		return nil
	}
	if err := json.Unmarshal(text, reply); err != nil {
		return fmt.Errorf("%s does not answer like Heliograph's API: %w", c.base, err)
	}
	return nil
}

// maxAnswer is far above the largest answer, a report with 1,000 errors.
const maxAnswer = 16 << 20

// sendJSON is call with a JSON body.
func (c *client) sendJSON(ctx context.Context, method, path string, body any, headers map[string]string, reply any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	all := map[string]string{"Content-Type": "application/json"}
	for name, value := range headers {
		all[name] = value
	}
	return c.call(ctx, method, path, bytes.NewReader(text), all, reply)
}

// refusal is the API's problem document (RFC 9457).
type refusal struct {
	Status int    `json:"status"`
	Title  string `json:"title"`
	Detail string `json:"detail"`
	Errors []struct {
		Pointer string `json:"pointer"`
		Detail  string `json:"detail"`
	} `json:"errors"`
}

func refused(answer *http.Response, text []byte) error {
	r := &refusal{}
	if json.Unmarshal(text, r) != nil || r.Title == "" && r.Detail == "" {
		return fmt.Errorf("the API answered %s", answer.Status)
	}
	r.Status = answer.StatusCode
	return r
}

func (r *refusal) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "the API answered %d: %s", r.Status, cmp.Or(r.Detail, r.Title))
	for _, e := range r.Errors {
		b.WriteString("\n  ")
		if e.Pointer != "" {
			b.WriteString(e.Pointer + ": ")
		}
		b.WriteString(e.Detail)
	}
	return b.String()
}

// maxText is the largest file of text that is read whole: the API takes no larger body.
const maxText = 1 << 20

// readText reads a small file whole; "-" is standard input.
func readText(file string, in io.Reader) (string, error) {
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return "", err
		}
		defer f.Close()
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, maxText+1))
	switch {
	case err != nil:
		return "", err
	case len(text) > maxText:
		return "", fmt.Errorf("%s is larger than 1 MiB", named(file))
	}
	return string(text), nil
}

func named(file string) string {
	if file == "-" {
		return "standard input"
	}
	return file
}

// stopped reports whether an error only says that a signal asked us to stop.
func stopped(ctx context.Context, err error) bool {
	return ctx.Err() != nil && errors.Is(err, context.Canceled)
}
