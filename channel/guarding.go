package channel

// Guarding is what Settings may say beside, where addresses come from devices and name whom to call: whether a host would
// ever be called. The error is half a sentence. A name passes that may have a good address; which one it has shows when it
// is called.
type Guarding interface{ Admits(host string) error }
