# Chooses the slot to start. The builder puts lode_load, lode_args and lode_board in
# front. BOOT_ORDER, BOOT_A_LEFT and BOOT_B_LEFT mean what they mean to RAUC: which
# slot comes first, and how often each may still be tried before it proves itself.

test -n "${devtype}" || setenv devtype mmc
test -n "${devnum}" || setenv devnum 0

# Written twice, so that one is whole if the power fails in between: slots.bak, then
# slots.env. The memory is cleared first: a file that is too short must not be
# completed by what was read before.
setenv BOOT_ORDER; setenv BOOT_A_LEFT; setenv BOOT_B_LEFT
setenv lode_read 'mw.b ${lode_load} 0 0x1000; load ${devtype} ${devnum}:1 ${lode_load} ${lode_file} && env import -c ${lode_load} 0x1000 BOOT_ORDER BOOT_A_LEFT BOOT_B_LEFT'
setenv lode_save 'env export -c -s 0x1000 ${lode_load} BOOT_ORDER BOOT_A_LEFT BOOT_B_LEFT && fatwrite ${devtype} ${devnum}:1 ${lode_load} slots.bak 0x1000; fatwrite ${devtype} ${devnum}:1 ${lode_load} slots.env 0x1000'
# Not every U-Boot can subtract.
setenv lode_count 'setenv lode_try; if test "${lode_left}" = 1; then setenv lode_left 0; setenv lode_try 1; fi; if test "${lode_left}" = 2; then setenv lode_left 1; setenv lode_try 1; fi; if test "${lode_left}" = 3; then setenv lode_left 2; setenv lode_try 1; fi'

setenv lode_file slots.env
if run lode_read; then true; else
	echo "lode: slots.env is damaged, reading slots.bak"
	setenv lode_file slots.bak
	run lode_read
fi
test -n "${BOOT_ORDER}" || setenv BOOT_ORDER "A B"
test -n "${BOOT_A_LEFT}" || setenv BOOT_A_LEFT 3
test -n "${BOOT_B_LEFT}" || setenv BOOT_B_LEFT 3

for slot in "${BOOT_ORDER}"; do
	setenv lode_part 0
	if test "${slot}" = "A"; then
		setenv lode_left ${BOOT_A_LEFT}
		run lode_count
		setenv BOOT_A_LEFT ${lode_left}
		test -n "${lode_try}" && setenv lode_part 2
	fi
	if test "${slot}" = "B"; then
		setenv lode_left ${BOOT_B_LEFT}
		run lode_count
		setenv BOOT_B_LEFT ${lode_left}
		test -n "${lode_try}" && setenv lode_part 3
	fi
	if test ${lode_part} -gt 0; then
		run lode_save
		echo "lode: trying slot ${slot} (tries left: A ${BOOT_A_LEFT}, B ${BOOT_B_LEFT})"
		setenv bootargs "${lode_args} lode.slot=${slot}"
		if load ${devtype} ${devnum}:${lode_part} ${lode_load} lode.itb; then
			bootm ${lode_load}
		fi
		echo "lode: slot ${slot} does not start"
	fi
done

echo "lode: no slot is left; all get their tries back"
setenv BOOT_A_LEFT 3
setenv BOOT_B_LEFT 3
run lode_save
reset
