// The API's document, operations by their tags. Without an external validator.
"use strict";
const SCHEMES = ["components", "securitySchemes"];
// The security schemes reference nothing else. To find that out, Swagger UI would search the whole document for seconds.
const SchemesAsTheyAre = () => ({
  statePlugins: { spec: { wrapActions: { requestResolvedSubtree: (resolve, { specActions, specSelectors }) => (path) =>
    path.join() === SCHEMES.join()
      ? specActions.updateResolvedSubtree(path, specSelectors.specJson().getIn(path).toJS())
      : resolve(path) } } },
});
window.ui = SwaggerUIBundle({
  url: "/openapi.json", dom_id: "#swagger-ui", deepLinking: true, docExpansion: "none", validatorUrl: null,
  defaultModelsExpandDepth: -1, // hundreds of schemas below the operations; each operation shows its own
  plugins: [SchemesAsTheyAre],
});
