#!/bin/sh /etc/rc.common
# procd starts the miner, starts it again when it ends, and when its settings change.

START=95
STOP=05
USE_PROCD=1

add_pool() { [ -z "$1" ] || procd_append_param command -pool "$1"; }
add_user() { [ -z "$1" ] || procd_append_param command -user "$1"; }
add_setting() { [ -z "$1" ] || procd_append_param command -set "$1"; }

start_service() {
	local enabled board duty tune verbose
	config_load lode-miner
	config_get_bool enabled main enabled 0
	[ "$enabled" = 1 ] || return 0
	config_get board main board laptop
	config_get duty main duty 25
	config_get tune main tune
	config_get_bool verbose main verbose 0

	procd_open_instance
	procd_set_param command /usr/bin/lode-miner -nice -board "$board" -duty "$duty" \
		-clock-file /etc/lode-miner.clock -profile /etc/lode-miner.profile \
		-status unix:/var/run/lode-miner.sock
	config_list_foreach main pool add_pool
	config_list_foreach main user add_user
	config_list_foreach main set add_setting
	[ -n "$tune" ] && procd_append_param command -tune "$tune"
	[ "$verbose" = 1 ] && procd_append_param command -v
	# Start again after 10 s, for ever: pools and networks come back.
	procd_set_param respawn 3600 10 0
	# The hash board is powered off in order first.
	procd_set_param term_timeout 30
	procd_set_param stdout 1
	procd_set_param stderr 1
	procd_set_param limits core="0"
	procd_close_instance
}

service_triggers() {
	procd_add_reload_trigger lode-miner
}
