package bench

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"heliograph/sim"
)

// textWidth is how many requests are in flight, each on a connection of its own.
const textWidth = 60

// bareText posts text messages with net/http as it comes.
func bareText(ctx context.Context, ready sim.Ready, _, n int) error {
	client, err := trusting(ready.CAFile)
	if err != nil {
		return err
	}
	client.Transport.(*http.Transport).MaxIdleConnsPerHost = textWidth
	c := ready.Credentials.Vonage
	return spread(n, textWidth, func() (func(int) error, func(), error) {
		return func(i int) error {
			form := url.Values{
				"api_key": {c.Key}, "api_secret": {c.Secret}, "from": {"Ward"}, "to": {strings.TrimPrefix(person(i).Mobile, "+")},
				"text": {fmt.Sprintf("Hello %s, please update %s's iPhone today.", givenNames[i%len(givenNames)], givenNames[i%len(givenNames)])},
			}
			r, err := http.NewRequestWithContext(ctx, http.MethodPost, ready.Sims[sim.Vonage]+"/sms/json", strings.NewReader(form.Encode()))
			if err != nil {
				return err
			}
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			answer, err := client.Transport.RoundTrip(r)
			if err != nil {
				return err
			}
			defer answer.Body.Close()
			text, err := io.ReadAll(answer.Body)
			if err == nil && !strings.Contains(string(text), `"status":"0"`) && !strings.Contains(string(text), `"status": "0"`) {
				err = fmt.Errorf("the simulator answered %s", text)
			}
			return err
		}, func() {}, nil
	})
}
