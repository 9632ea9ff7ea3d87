/*-------------------------------------------------------------------------
 *
 * card_text.h
 *	  A card as Markdown.
 *
 * IDENTIFICATION
 *	  src/api/card_text.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef MLOPS_CARD_TEXT_H
#define MLOPS_CARD_TEXT_H

#include "lib/stringinfo.h"
#include "utils/jsonb.h"

/* The card, as card() gives it, appended to buf. */
extern void mlops_card_to_markdown(Jsonb *card, StringInfo buf);

#endif							/* MLOPS_CARD_TEXT_H */
