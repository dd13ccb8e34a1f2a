// Shows the service's description, and lets it be tried out where this page came from.
"use strict";
const place = document.getElementById("api");

// What Swagger UI's own layout has, without its second <main>, and without other servers: this page may ask only its own.
const desk = ({ React }) => ({
  components: {
    DeskLayout: ({ getComponent, specSelectors }) => {
      const show = (name) => React.createElement(getComponent(name, true), { key: name });
      if (specSelectors.loadingStatus() === "failed") {
        return React.createElement("p", { role: "alert" }, "The description cannot be read just now: open this page again.");
      }
      if (!specSelectors.specStr() || specSelectors.loadingStatus() === "loading") {
        return React.createElement("p", { className: "quiet" }, "Reading the description ...");
      }
      return React.createElement(
        "div",
        { className: "swagger-ui" },
        React.createElement(getComponent("SvgAssets"), { key: "pictures" }),
        show("errors"),
        show("InfoContainer"),
        specSelectors.securityDefinitions() ? show("AuthorizeBtnContainer") : null,
        show("operations"),
      );
    },
  },
});

// Fields without a name have one by what stands above them; text that scrolls can be reached by the keyboard.
const NAMES = [
  ["select.examples-select-element", "Example"],
  ["select.content-type, .content-type select", "Media type"],
  ["textarea.body-param__text", "Body of the request"],
];

function mend() {
  for (const [which, name] of NAMES) {
    for (const field of place.querySelectorAll(which)) field.setAttribute("aria-label", name);
  }
  for (const field of place.querySelectorAll("select:not([aria-label]):not([id]), input:not([aria-label]):not([id])")) {
    field.setAttribute("aria-label", field.getAttribute("placeholder") || field.closest("tr")?.dataset.paramName || "Choice");
  }
  for (const text of place.querySelectorAll("pre")) text.setAttribute("tabindex", "0");
}
new MutationObserver(mend).observe(place, { childList: true, subtree: true });

SwaggerUIBundle({
  url: place.dataset.description,
  domNode: place,
  presets: [SwaggerUIBundle.presets.apis],
  plugins: [desk],
  layout: "DeskLayout",
  defaultModelsExpandDepth: -1,
  docExpansion: "list",
  tryItOutEnabled: true,
  validatorUrl: null,
  syntaxHighlight: false,
});
