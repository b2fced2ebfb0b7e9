// Shows the specification that this server serves; no validator of another site is asked.
window.SwaggerUIBundle({
  url: '../openapi.json',
  dom_id: '#documentation',
  deepLinking: true,
  validatorUrl: null,
  defaultModelsExpandDepth: 0,
  docExpansion: 'list',
});
