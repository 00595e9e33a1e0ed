/*
 * A first program that the loader's test guest inspects; nothing runs it. It has code, constants, data and zeroed
 * memory.
 */
const char probe_constant[] = "probe constant";
int probe_data[3] = {1, 2, 3};
char probe_zero[3 * 4096];

void probe_init(void);

void probe_init(void) {
    probe_data[0] = probe_constant[probe_data[1]];
    probe_zero[probe_data[2]] = 1;
}
