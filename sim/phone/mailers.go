package phone

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// MailersOptions are the variable parts of Mailers; the zero value works.
type MailersOptions struct {
	Sources  []Source       // push services that the phones listen to
	Exchange string         // origin of the simulated Exchange
	Roots    *x509.CertPool // of Exchange and the registration service; nil = the system's
	Scale    float64        // how many times faster than the clock apps sync and refresh; 0 = 1
	Refresh  time.Duration  // how often systems let apps refresh; 0 = 15 minutes
}

// Mailers are the phones with a mail app. They are safe for concurrent use.
type Mailers struct {
	options MailersOptions
	client  *http.Client
	ctx     context.Context
	cancel  context.CancelFunc
	wg      sync.WaitGroup
	follow  sync.Once

	mu      sync.Mutex
	byToken map[string]*mailerEntry
	order   []*mailerEntry // as they were added
	changed chan struct{}  // non-nil while somebody waits
}

type mailerEntry struct {
	*Mailer
	stop context.CancelFunc
}

// maxMailers bounds the phones.
const maxMailers = 1000

// ErrNoPhone: there is no phone with this id.
var ErrNoPhone = errors.New("there is no mail phone with this id")

// NewMailers makes an empty set. It starts nothing before the first Add.
func NewMailers(o MailersOptions) *Mailers {
	if o.Scale <= 0 {
		o.Scale = 1
	}
	if o.Refresh <= 0 {
		o.Refresh = 15 * time.Minute
	}
	ctx, cancel := context.WithCancel(context.Background())
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: o.Roots, MinVersion: tls.VersionTLS12}, MaxIdleConnsPerHost: 8, IdleConnTimeout: 30 * time.Second}
	return &Mailers{
		options: o, client: &http.Client{Transport: transport, Timeout: 30 * time.Second}, ctx: ctx, cancel: cancel,
		byToken: map[string]*mailerEntry{},
	}
}

// Stop ends the phones; they stay registered, as phones do that are switched off. A second Stop does nothing.
func (s *Mailers) Stop() {
	s.cancel()
	s.wg.Wait()
	s.client.CloseIdleConnections()
}

// Add makes a phone: it registers, subscribes, and syncs what is there already. The error says which of them failed.
func (s *Mailers) Add(ctx context.Context, o MailerOptions) (Phone, error) {
	if err := o.complete(); err != nil {
		return Phone{}, err
	}
	s.follow.Do(s.listen)
	m := &Mailer{
		options: o, service: service{o.Registration, s.client}, server: mailServer{s.options.Exchange, o.Mailbox, s.client},
		scale: s.options.Scale, changed: s.announce, work: make(chan struct{}, 1),
	}
	m.state = MailState{ID: slug(o.Name), Mailbox: o.Mailbox, Wake: o.Wake, Settings: *o.Settings, Log: []Entry{}}
	if err := s.insert(m); err != nil {
		return Phone{}, err
	}
	m.busy.Lock()
	err := m.act(ctx, todo{settle: true, sync: "signed in", baseline: true})
	m.busy.Unlock()
	if err != nil {
		_ = s.remove(m.state.ID) // it was just inserted
		return Phone{}, err
	}
	return m.view(), nil
}

// insert lets the phone hear pushes from now on.
func (s *Mailers) insert(m *Mailer) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.ctx.Err() != nil:
		return errors.New("the phones are switched off")
	case m.state.ID == "" || s.find(m.state.ID) != nil || s.byToken[m.options.Token] != nil:
		return errors.New("name: must have letters, and be another than that of the other phones")
	case len(s.order) >= maxMailers:
		return fmt.Errorf("there are %d mail phones already", maxMailers)
	}
	ctx, stop := context.WithCancel(s.ctx)
	entry := &mailerEntry{m, stop}
	s.byToken[m.options.Token] = entry
	s.order = append(s.order, entry)
	s.wg.Go(func() { m.run(ctx, s.options.Refresh) })
	return nil
}

// find looks for a phone; the lock is held. nil = there is none.
func (s *Mailers) find(id string) *mailerEntry {
	i := slices.IndexFunc(s.order, func(e *mailerEntry) bool { return e.state.ID == id })
	if i < 0 {
		return nil
	}
	return s.order[i]
}

// get is the phone with this id.
func (s *Mailers) get(id string) (*Mailer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.find(id); e != nil {
		return e.Mailer, nil
	}
	return nil, ErrNoPhone
}

func (s *Mailers) remove(id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.find(id)
	if e == nil {
		return ErrNoPhone
	}
	e.stop()
	delete(s.byToken, e.options.Token)
	s.order = slices.DeleteFunc(s.order, func(other *mailerEntry) bool { return other == e })
	s.announceLocked()
	return nil
}

// Remove signs a phone out and forgets it.
func (s *Mailers) Remove(ctx context.Context, id string) error {
	m, err := s.get(id)
	if err != nil {
		return err
	}
	m.busy.Lock()
	if m.registration.ID != "" {
		err = m.leave(ctx)
	}
	m.busy.Unlock()
	return errors.Join(err, s.remove(id))
}

// Set changes settings: patch is a JSON object with those that change.
func (s *Mailers) Set(id string, patch []byte) (Phone, error) {
	m, err := s.get(id)
	if err != nil {
		return Phone{}, err
	}
	if err := m.set(patch); err != nil {
		return Phone{}, err
	}
	return m.view(), nil
}

// maxSync bounds sync_ms.
const maxSync = 10 * 60 * 1000

func (m *Mailer) set(patch []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	next := m.state.Settings
	decoder := json.NewDecoder(strings.NewReader(string(patch)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&next); err != nil {
		return fmt.Errorf("the settings cannot be read: %w", err)
	}
	if next.SyncMS < 0 || next.SyncMS > maxSync {
		return fmt.Errorf("sync_ms: must be between 0 and %d", maxSync)
	}
	before := m.state.Settings
	m.state.Settings = next
	if before.Push != next.Push {
		m.want(todo{settle: true})
	}
	m.changed()
	return nil
}

// Open is the holder unlocking the phone and looking into the app: it syncs, and the lock screen is cleared.
func (s *Mailers) Open(id string) (Phone, error) {
	m, err := s.get(id)
	if err != nil {
		return Phone{}, err
	}
	m.mu.Lock()
	m.state.Settings.Locked, m.state.Settings.Opened = false, true
	m.want(todo{sync: "opened", foreground: true})
	m.changed()
	m.mu.Unlock()
	return m.view(), nil
}

// Phones are all of them, as they were added.
func (s *Mailers) Phones() []Phone {
	s.mu.Lock()
	entries := slices.Clone(s.order)
	s.mu.Unlock()
	phones := make([]Phone, len(entries))
	for i, e := range entries {
		phones[i] = e.view()
	}
	return phones
}

// NewMail puts new mails into a phone's mailbox, by way of Exchange.
func (s *Mailers) NewMail(ctx context.Context, id string, count int) error {
	return s.command(ctx, id, "mail", count)
}

// ReadMail reads mails of a phone's mailbox on another client; 0 = all.
func (s *Mailers) ReadMail(ctx context.Context, id string, count int) error {
	return s.command(ctx, id, "read", count)
}

func (s *Mailers) command(ctx context.Context, id, what string, count int) error {
	m, err := s.get(id)
	if err != nil {
		return err
	}
	body, err := json.Marshal(map[string]any{"mailbox": m.options.Mailbox, "count": count})
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(s.options.Exchange, "/")+"/_sim/"+what, strings.NewReader(string(body)))
	if err != nil {
		return errors.New("the mail server's address cannot be read")
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := s.client.Do(request)
	if err != nil {
		return errors.New("the mail server cannot be reached")
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, maxAnswer))
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the mail server answered %d", response.StatusCode)
	}
	return nil
}

// Changed returns a channel that is closed at the next change of a phone.
func (s *Mailers) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.changed == nil {
		s.changed = make(chan struct{})
	}
	return s.changed
}

// announce is called with a phone's lock held; the set's lock is never held while a phone's is taken.
func (s *Mailers) announce() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.announceLocked()
}

func (s *Mailers) announceLocked() {
	if s.changed != nil {
		close(s.changed)
		s.changed = nil
	}
}

// listen follows every push service from now on.
func (s *Mailers) listen() {
	for _, source := range s.options.Sources {
		last := source.Pushes(0, 0).Last
		s.wg.Go(func() { s.hear(source, last) })
	}
}

// hear hands the pushes of one service to their phones.
func (s *Mailers) hear(source Source, last int64) {
	for {
		changed := source.Changed()
		for more := true; more; {
			batch := source.Pushes(last, catchUp)
			last, more = batch.Last, batch.More
			for _, push := range batch.Pushes {
				s.deliver(push)
			}
		}
		select {
		case <-changed:
		case <-s.ctx.Done():
			return
		}
	}
}

func (s *Mailers) deliver(p Push) {
	s.mu.Lock()
	e := s.byToken[p.Token]
	s.mu.Unlock()
	if e != nil {
		e.receive(p)
	}
}
