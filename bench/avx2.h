/* avx2.h: included before everything else, for a processor that is to pass for one without AVX-512.
 */
#define __builtin_cpu_supports(feature)                                                            \
    (__builtin_strncmp(feature, "avx512", 6) != 0 && __builtin_cpu_supports(feature))
