package bench

import (
	"bufio"
	"bytes"
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
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// loadWidth is how many connections the mail servers have open, each with one event at a time.
const loadWidth = 64

// loaded is what a load saw.
type loaded struct {
	Rate, P50, P99 float64 // a second; milliseconds from the post to the reply
	Pushed         int64   // that the provider read meanwhile
}

// press posts events for as long as it is told to, line by line: the listener, how many, how many a second, and whether
// they are signs of life alone.
func press(ctx context.Context, t task, lines *bufio.Scanner, answers *json.Encoder) error {
	m, err := newMailServers(t)
	if err != nil {
		return err
	}
	for lines.Scan() {
		var listener string
		var c wakeCase
		if _, err := fmt.Sscan(lines.Text(), &listener, &c.events, &c.rate, &c.beat); err != nil {
			return fmt.Errorf("reading what to press: %w", err)
		}
		l, err := m.press(ctx, listener, c)
		if err != nil {
			return err
		}
		if err := answers.Encode(l); err != nil {
			return err
		}
	}
	return nil
}

// mailServers post events of all devices, in turns.
type mailServers struct {
	task
	client *http.Client
	next   atomic.Int64
	told   []uint32 // how many notifications each subscription has told of
	sims   *http.Client
	count  string // where the simulator tells how much it has read
}

func newMailServers(t task) (*mailServers, error) {
	ca, err := os.ReadFile(t.Cert)
	if err != nil {
		return nil, fmt.Errorf("reading the listener's certificate: %w", err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	ready, err := readSims(t.Sims)
	if err != nil {
		return nil, err
	}
	sims, err := trusting(ready.CAFile)
	if err != nil {
		return nil, err
	}
	return &mailServers{
		task: t, told: make([]uint32, t.Devices), sims: sims, count: ready.Sims[subjects[wake].control] + "/_sim/history?limit=1",
		client: &http.Client{Transport: &http.Transport{
			TLSClientConfig: &tls.Config{RootCAs: pool}, MaxIdleConnsPerHost: loadWidth, MaxConnsPerHost: loadWidth, ForceAttemptHTTP2: false,
			DisableCompression: true, TLSNextProto: map[string]func(string, *tls.Conn) http.RoundTripper{},
		}},
	}, nil
}

// step is prime to every number of devices that people choose, and far from 1: one device after another lies somewhere
// else in the database.
const step = 7_368_787

// device is whose turn it is.
func (m *mailServers) device() int { return int(m.next.Add(1) * step % int64(m.Devices)) }

func (m *mailServers) press(ctx context.Context, listener string, c wakeCase) (l loaded, err error) {
	before, err := m.pushed(ctx)
	if err != nil {
		return l, err
	}
	took := make([]time.Duration, c.events)
	begun := time.Now()
	err = spread(c.events, loadWidth, func() (func(int) error, func(), error) {
		return func(i int) error {
			if c.rate > 0 {
				time.Sleep(time.Until(begun.Add(time.Duration(float64(i) / c.rate * float64(time.Second)))))
			}
			start := time.Now()
			err := m.post(ctx, listener, c.beat)
			took[i] = time.Since(start)
			return err
		}, func() {}, nil
	})
	if err != nil {
		return l, err
	}
	l.Rate = float64(c.events) / time.Since(begun).Seconds()
	slices.Sort(took)
	l.P50, l.P99 = took[len(took)/2].Seconds()*1000, took[len(took)*99/100].Seconds()*1000
	after, err := m.pushed(ctx)
	l.Pushed = after - before
	return l, err
}

// pushed asks the simulator how much it has read.
func (m *mailServers) pushed(ctx context.Context) (int64, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, m.count, nil)
	if err != nil {
		return 0, err
	}
	resp, err := m.sims.Do(r)
	if err != nil {
		return 0, fmt.Errorf("asking the simulator: %w", err)
	}
	defer resp.Body.Close()
	var page struct{ Count int64 }
	err = json.NewDecoder(resp.Body).Decode(&page)
	return page.Count, err
}

// post tells of one event and wants to hear OK.
func (m *mailServers) post(ctx context.Context, listener string, beat bool) error {
	device := m.device()
	told := atomic.AddUint32(&m.told[device], 1)
	body := notificationOf(device, told, beat, time.Now())
	u, err := url.Parse(listener + "/ews/" + capability(device).String())
	if err != nil {
		return err
	}
	r := (&http.Request{
		Method: http.MethodPost, URL: u, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Host: u.Host,
		Header:        http.Header{"Content-Type": {"text/xml; charset=utf-8"}, "Accept": {"text/xml"}, "Soapaction": {"http://schemas.microsoft.com/exchange/services/2006/messages/SendNotification"}},
		Body:          io.NopCloser(bytes.NewReader(body)),
		ContentLength: int64(len(body)),
	}).WithContext(ctx)
	resp, err := m.client.Transport.RoundTrip(r)
	if err != nil {
		return fmt.Errorf("posting an event: %w", err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err == nil && (resp.StatusCode != http.StatusOK || !bytes.Contains(answer, []byte("<SubscriptionStatus>OK<"))) {
		err = errors.New("the listener answered " + resp.Status + ": " + string(answer))
	}
	return err
}

// notificationOf is what Exchange posts: for a new mail three events, the last with the count; for a sign of life one.
func notificationOf(device int, told uint32, beat bool, now time.Time) []byte {
	mark := func(n uint32) string { return fmt.Sprintf("AQAAAGqLVgh1zHtOkT%08d%06d", device, n) }
	at := now.UTC().Format("2006-01-02T15:04:05.000Z")
	var b strings.Builder
	b.Grow(2600)
	b.WriteString(`<?xml version="1.0" encoding="utf-8"?><soap11:Envelope xmlns:soap11="http://schemas.xmlsoap.org/soap/envelope/"><soap11:Header><t:RequestServerVersion xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types" Version="Exchange2016"/></soap11:Header><soap11:Body><m:SendNotification xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types" xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages"><m:ResponseMessages><m:SendNotificationResponseMessage ResponseClass="Success"><m:ResponseCode>NoError</m:ResponseCode><m:Notification><t:SubscriptionId>`)
	b.WriteString(subscription(device))
	b.WriteString(`</t:SubscriptionId>`)
	if told > 1 { // each run begins anew, and nothing went missing before
		b.WriteString(`<t:PreviousWatermark>` + mark(told-1) + `</t:PreviousWatermark>`)
	}
	b.WriteString(`<t:MoreEvents>false</t:MoreEvents>`)
	if beat {
		b.WriteString(`<t:StatusEvent><t:Watermark>` + mark(told) + `</t:Watermark></t:StatusEvent>`)
	} else {
		id := base64ID(device)
		for _, kind := range []string{"CreatedEvent", "NewMailEvent"} {
			b.WriteString(`<t:` + kind + `><t:Watermark>` + mark(told) + `</t:Watermark><t:TimeStamp>` + at + `</t:TimeStamp><t:ItemId Id="` + id + `" ChangeKey="CQAAAA=="/><t:ParentFolderId Id="` + id + `" ChangeKey="AQAAAA=="/></t:` + kind + `>`)
		}
		b.WriteString(`<t:ModifiedEvent><t:Watermark>` + mark(told) + `</t:Watermark><t:TimeStamp>` + at + `</t:TimeStamp><t:FolderId Id="` + id + `" ChangeKey="AQAAAA=="/><t:ParentFolderId Id="` + id + `" ChangeKey="AQAAAA=="/><t:UnreadCount>` + strconv.Itoa(int(told)) + `</t:UnreadCount></t:ModifiedEvent>`)
	}
	b.WriteString(`</m:Notification></m:SendNotificationResponseMessage></m:ResponseMessages></m:SendNotification></soap11:Body></soap11:Envelope>`)
	return []byte(b.String())
}

// base64ID is as long as ids of Exchange are.
func base64ID(device int) string {
	return "AAMkAGI1" + strings.Repeat(fmt.Sprintf("%08d", device), 13) + "AAA="
}
