/* What calls.c and its library know of each other: calls through the PLT, there and back. */
#pragma once

#ifdef __cplusplus
extern "C" {
#endif

void calls_library(int n);
void calls_back(void (*function)(int), int n);
void *calls_allocate(size_t bytes);

#ifdef __cplusplus
}
#endif
