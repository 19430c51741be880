package channel

import (
	"context"
	"errors"
	"net"
	"strings"
	"syscall"
	"testing"

	"heliograph/message"
)

// TestControl: the dialer asks about the address that it found, and says in words why it was not called.
func TestControl(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	var asked []string
	d := Dialer{Control: func(_, address string, _ syscall.RawConn) error {
		asked = append(asked, address)
		return AddressError("it is not to be called")
	}}
	_, err = d.DialTLS(context.Background(), "tcp", net.JoinHostPort("localhost", port))
	var barred AddressError
	if !errors.As(err, &barred) || len(asked) == 0 || strings.Contains(asked[0], "localhost") {
		t.Errorf("%v after asking about %q", err, asked)
	}
	if f := ConnectFailure("localhost", err); f.Reason != message.Unreachable || f.Detail != "Could not connect to localhost: it is not to be called." {
		t.Errorf("%+v", f)
	}
	if _, err := (Dialer{}).DialTLS(context.Background(), "tcp", "169.254.169.254:443"); !errors.Is(err, LinkLocal) {
		t.Errorf("without a control: %v", err)
	}
}
