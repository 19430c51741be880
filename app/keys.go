package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"time"

	"heliograph/seal"
	"heliograph/store"
)

// KeysEnv is the environment variable that may hold the content of a key file, in place of one.
const KeysEnv = "HELIOGRAPH_KEY"

// loadKeys reads the keys from where Database says, and makes a file when it is missing and mayCreate is true.
func (d Database) loadKeys(mayCreate bool) (*seal.Keys, error) {
	if d.Keys != "" {
		return seal.Parse(KeysEnv, []byte(d.Keys))
	}
	return seal.LoadOrCreate(d.keyFile(), mayCreate)
}

// keyKeeper keeps the keys of a running process up to date: it notices when the key file was rotated, tells the other
// nodes which keys this one has, and uses the newest ones that all of them have.
type keyKeeper struct {
	store *store.Store
	log   *slog.Logger
	place Database
	node  store.KeyNode
	look  chan struct{} // asks for a look now

	file fs.FileInfo // as it was read; nil = never

	mu      sync.Mutex
	trouble string // what is wrong with the keys, in words; "" = nothing
}

func newKeyKeeper(s *store.Store, log *slog.Logger, place Database) *keyKeeper {
	host, err := os.Hostname()
	if err != nil {
		host = "a machine without a name"
	}
	return &keyKeeper{
		store: s, log: log, place: place, look: make(chan struct{}, 1),
		node: store.KeyNode{ID: rand.Text(), Name: fmt.Sprintf("%s, process %d", host, os.Getpid())},
	}
}

// keepKeys starts the keeper, after a first look.
func (a *App) keepKeys(ctx context.Context) error {
	k := newKeyKeeper(a.store, a.log.With("part", "keys"), a.options.Database)
	a.keys = k
	if err := k.once(ctx); err != nil {
		return err
	}
	keeping, stop := context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	running.Go(func() { k.run(keeping) })
	a.onStop("the keys", func(ctx context.Context) error {
		stop()
		running.Wait()
		if err := k.store.LeaveKeys(ctx, k.node.ID); err != nil { // the others forget a node that is not heard of
			k.log.Warn("this node could not say that it leaves", "error", err)
		}
		return nil
	})
	return nil
}

// Reload reads the key file again at once, instead of within seconds.
func (a *App) Reload() {
	select {
	case a.keys.look <- struct{}{}:
	default: // a look is due already
	}
}

func (k *keyKeeper) run(ctx context.Context) {
	ticker := time.NewTicker(store.AgreeEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-k.look:
			k.file = nil
		}
		if err := k.once(ctx); err != nil && ctx.Err() == nil {
			k.log.Error("the keys could not be brought up to date", "error", err)
		}
	}
}

// once looks at the file and agrees with the others. Keys that do not fit are trouble that /readyz shows; a database that
// does not answer is not, for that is shown as what it is.
func (k *keyKeeper) once(ctx context.Context) error {
	changed, err := k.readAgain()
	if err != nil {
		k.troubled(err.Error())
		return err
	}
	if !changed && k.store.Postgres() == nil { // no other node could have changed anything
		return nil
	}
	inUse, moved, err := k.store.AgreeKeys(ctx, k.node)
	var wrong *store.KeyError
	switch {
	case errors.As(err, &wrong):
		k.troubled(wrong.Error())
		return err
	case err != nil:
		return err
	}
	k.troubled("")
	if moved {
		k.log.Info("other keys are in use now; what older ones sealed is sealed again in the background", "sealing", inUse.Sealing, "index", inUse.Index)
	}
	return nil
}

// readAgain takes the keys of a file that changed since it was read. The first look counts as a change.
func (k *keyKeeper) readAgain() (changed bool, err error) {
	if k.place.Keys != "" {
		changed, k.file = k.file == nil, noFile{}
		return changed, nil
	}
	info, err := os.Stat(k.place.keyFile())
	if err != nil {
		return false, fmt.Errorf("looking at the key file: %w", err)
	}
	if k.file != nil && os.SameFile(info, k.file) && info.ModTime().Equal(k.file.ModTime()) && info.Size() == k.file.Size() {
		return false, nil
	}
	keys, err := seal.Load(k.place.keyFile())
	if err != nil {
		return false, err
	}
	if !k.store.TakeKeys(keys) {
		return false, errors.New("the key file was replaced by one that lacks the keys in use: put the right one back; this process goes on with those that it had")
	}
	k.file = info
	return true, nil
}

// noFile stands for keys from the environment, which never change.
type noFile struct{ fs.FileInfo }

func (k *keyKeeper) troubled(text string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.trouble = text
}

// wrong says what is wrong with the keys; "" when nothing is.
func (k *keyKeeper) wrong() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.trouble
}
