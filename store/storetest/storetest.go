// Package storetest is the suite that the store must pass on each database: what it promises to the rest of the
// program, asked through its methods alone.
package storetest

import (
	"testing"
	"time"

	"heliograph/store"
)

// Now is the time at which the stores of the suite live: open with Options{Now: Clock}.
var Now = time.Date(2026, 3, 4, 9, 30, 0, 0, time.UTC)

// Clock stands still at Now.
func Clock() time.Time { return Now }

// Run asks everything of the stores that open makes. Each call of open gives an empty database with its schema and keys.
func Run(t *testing.T, open func(t *testing.T) *store.Store) {
	for _, part := range []struct {
		name string
		run  func(t *testing.T, open func(t *testing.T) *store.Store)
	}{
		{"devices", testDevices},
		{"users", testUsers},
		{"groups", testGroups},
		{"push tokens", testTokens},
		{"some push tokens", testSomeTokens},
		{"writing at once", testTogether},
		{"lists", testLists},
		{"scopes", testScopes},
		{"filters", testFilters},
		{"audiences", testAudiences},
		{"audience pages", testAudiencePages},
		{"large groups", testLargeGroups},
		{"import", testImport},
		{"figures", testFigures},
		{"accounts", testAccounts},
		{"account links", testAccountLinks},
		{"administrators", testAdministrators},
		{"the last administrator", testLastAdministrator},
		{"administrators who demote each other", testDemotedTogether},
		{"tokens and their makers", testTokensOfMaker},
		{"audit log", testAudit},
		{"what is done and noted together", testAuditedTogether},
		{"an audit log that only grows", testAuditOnlyGrows},
		{"sessions", testSessions},
		{"sessions of accounts", testAccountSessions},
		{"sessions that expire", testSessionsExpire},
		{"second factors", testSecondFactors},
		{"an identity provider", testIdentityProvider},
		{"who must show what", testSignInPolicy},
		{"templates", testTemplates},
		{"predefined templates", testPredefinedTemplates},
		{"predefined templates, by several at once", testPredefinedTogether},
		{"sounds", testSounds},
		{"carrier gateways", testCarriers},
		{"known carrier gateways", testKnownCarriers},
		{"known carrier gateways, by several at once", testKnownCarriersTogether},
		{"carriers of devices", testDeviceCarriers},
		{"registrations", testRegistrations},
		{"the same token again", testSameToken},
		{"the same token by several at once", testSameTokenTogether},
		{"bound subscriptions", testBindings},
		{"a registration's timeline", testTimeline},
		{"providers' verdicts", testVerdicts},
		{"the brake", testBrake},
		{"silent registrations and old tombstones", testJanitor},
		{"app keys", testAppKeys},
		{"recounting", testRecount},
		{"recounting after cleaning", testRecountAfterCleaning},
		{"targets of wakes", testTargets},
		{"roster of targets", testRoster},
		{"pending wakes", testPark},
		{"routes with pending wakes", testDueRoutes},
		{"pending wakes of several nodes", testClaimTogether},
		{"pending wakes with a rate", testPacedClaims},
		{"contacts", testContacts},
		{"the watchdog", testWatched},
		{"figures of mail push", testMailFigures},
		{"certificates by ACME", testCertificates},
		{"values of ACME", testACMEValues},
		{"sealing keys", testSealingKeys},
		{"index keys", testIndexKeys},
		{"keys of several nodes", testKeyNodes},
		{"key files", testKeyFiles},
		{"sealing again beside writes", testResealBesideWrites},
	} {
		t.Run(part.name, func(t *testing.T) {
			t.Parallel()
			part.run(t, open)
		})
	}
}
