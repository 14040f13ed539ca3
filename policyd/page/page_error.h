#ifndef POLICYD_PAGE_ERROR_H
#define POLICYD_PAGE_ERROR_H

struct page_answer;

/* {"schema":1,"ok":false,"code":...,"error":why}, with the code that goes with
 * the HTTP status. */
void page_error(struct page_answer *, unsigned int status, const char *why);

#endif
