/** How a cost was found, as people read it. */
export const COST_SOURCES: Readonly<Record<string, string>> = {
  override: "by a price of this workspace",
  reported: "as the sender reported it",
  exact: "by the price table, for exactly this model",
  pattern: "by the price table, for models of this name",
  partial: "for a part of the calls; the others have no known price",
  unpriced: "not known: there is no price for the model",
};
