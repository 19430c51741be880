package app

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// impatient is a server whose limits for whole requests are over at once.
func impatient(t *testing.T, a *App, handler http.HandlerFunc) *httptest.Server {
	server := httptest.NewUnstartedServer(a.patience(handler))
	server.Config.ReadTimeout = 50 * time.Millisecond
	server.Start()
	t.Cleanup(server.Close)
	return server
}

func quietApp() *App {
	a := &App{}
	a.draining, a.drain = context.WithCancel(context.Background())
	return a
}

// An upload may take longer than other requests; what is timed is each part of it. That the time of a whole request is
// over is seen by another request, which ends by it.
func TestOnlyStreamsMayTakeTheirTime(t *testing.T) {
	outcome := make(chan error, 2)
	server := impatient(t, quietApp(), func(_ http.ResponseWriter, r *http.Request) {
		_, err := io.ReadAll(r.Body)
		outcome <- err
	})
	post := func(path string) (finish func()) {
		body, pen := io.Pipe()
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+path, body)
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			if answer, err := server.Client().Do(request); err == nil {
				answer.Body.Close()
			}
		}()
		if _, err := pen.Write([]byte("begun ")); err != nil {
			t.Fatal(err)
		}
		return func() { pen.Close() }
	}
	finishImport := post("/api/v1/import/devices")
	finishPlain := post("/api/v1/devices")
	defer finishPlain()
	if err := <-outcome; err == nil {
		t.Fatal("an ordinary request that stood still was not ended")
	}
	finishImport()
	if err := <-outcome; err != nil {
		t.Errorf("the upload was ended by the limit for ordinary requests: %v", err)
	}
}

func TestLiveProgressEndsWhenTheAppDrains(t *testing.T) {
	a := quietApp()
	begun := make(chan bool)
	server := impatient(t, a, func(_ http.ResponseWriter, r *http.Request) {
		close(begun)
		<-r.Context().Done()
	})
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/live", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept", "text/event-stream")
	go func() {
		<-begun
		a.drain()
	}()
	answer, err := server.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
}
