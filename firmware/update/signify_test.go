package update

// Made by signify-openbsd 31 for this test only.
const (
	signifyMessage = "the message\n"
	signifyPublic  = `untrusted comment: lode test public key
RWRY53bfINe4WhWGWkobq9+SOMU0s2X9dgCGBQgIU8TINZTozxtjF8Ii
`
	signifySecret = `untrusted comment: lode test secret key
RWRCSwAAAABaMSz0A/XBRl9G8BLrRgbokI2GezNSVYtY53bfINe4WjXSvSMDZ+dCj9wFrAx9UaVUnL4iE/Zl3Ky3NjKdVYN8FYZaShur35I4xTSzZf12AIYFCAhTxMg1lOjPG2MXwiI=
`
	signifySignature = `untrusted comment: verify with k.pub
RWRY53bfINe4WnzAt5FRoFl5gYYN/JB6XwZHs4hIm01QXgr0sTF1t+p7czNtZgBgb0zlNyrqIJBFW4ETtSb1RaaJdn9XCSNg0ww=
`
)
