// Draws the OpenAPI document as a page. No library: the document is ours, and so small a part of OpenAPI is in it.
'use strict';

const methods = ['get', 'post', 'put', 'delete'];
let doc;

// el makes an element; text is only ever set as text.
function el(tag, attributes, ...children) {
  const e = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value !== undefined && value !== false) e.setAttribute(name, value === true ? '' : value);
  }
  e.append(...children.filter(c => c !== undefined && c !== null && c !== ''));
  return e;
}

// prose knows **bold**, `code` and empty lines between paragraphs.
function prose(text) {
  return (text || '').split(/\n\n+/).map(paragraph => {
    const p = el('p');
    for (const part of paragraph.split(/(\*\*[^*]+\*\*|`[^`]+`)/)) {
      if (part.startsWith('**')) p.append(el('strong', {}, part.slice(2, -2)));
      else if (part.startsWith('`')) p.append(el('code', {}, part.slice(1, -1)));
      else p.append(part);
    }
    return p;
  });
}

function nameOf(ref) { return ref.split('/').pop(); }

function resolve(schema) {
  while (schema && schema.$ref) schema = doc.components.schemas[nameOf(schema.$ref)];
  return schema || {};
}

// kind says in words what a schema allows.
function kind(schema) {
  if (!schema) return '';
  if (schema.$ref) return el('a', { href: '#schema-' + nameOf(schema.$ref) }, nameOf(schema.$ref));
  const alternatives = schema.anyOf || schema.oneOf;
  if (alternatives) return join(alternatives.map(kind), ' or ');
  const types = [].concat(schema.type || 'anything');
  if (types.includes('array')) return el('span', {}, 'list of ', kind(schema.items), types.includes('null') ? ' or null' : '');
  if (types.includes('object') && schema.additionalProperties && (schema.additionalProperties.type || schema.additionalProperties.$ref)) {
    return el('span', {}, 'object of ', kind(schema.additionalProperties));
  }
  const format = schema.format === 'date-time' ? 'time' : types[0];
  return format + (types.includes('null') && types[0] !== 'null' ? ' or null' : '');
}

function join(nodes, between) {
  const span = el('span');
  nodes.forEach((node, i) => span.append(i ? between : '', node));
  return span;
}

function limits(schema) {
  const s = schema.type === 'array' || [].concat(schema.type).includes('array') ? schema.items || {} : schema;
  const words = [];
  if (s.enum) words.push('one of ' + s.enum.join(', '));
  if (s.minimum !== undefined) words.push('from ' + s.minimum);
  if (s.maximum !== undefined) words.push('up to ' + s.maximum);
  if (s.maxLength !== undefined) words.push('at most ' + s.maxLength + ' characters');
  if (schema.default !== undefined && schema.default !== '') words.push('default ' + JSON.stringify(schema.default));
  return words.join(' · ');
}

function row(name, schema, required, description) {
  const flags = [];
  if (required) flags.push(el('span', { class: 'flag required' }, 'required'));
  if (schema.readOnly) flags.push(el('span', { class: 'flag' }, 'read only'));
  if (schema.writeOnly) flags.push(el('span', { class: 'flag' }, 'write only'));
  const cell = el('td', {}, el('span', { class: 'kind' }, kind(schema)), ...flags);
  const words = limits(schema);
  if (words) cell.append(el('p', { class: 'kind' }, words));
  if (description) cell.append(...prose(description));
  return el('tr', {}, el('th', { scope: 'row' }, name), cell);
}

function fields(schema) {
  const s = resolve(schema);
  if (s.oneOf) return el('p', {}, 'Either ', kind(s), ', as kind says.');
  if (!s.properties) return el('p', { class: 'kind' }, kind(schema));
  const required = s.required || [];
  const table = el('table', { class: 'fields' });
  for (const name of Object.keys(s.properties)) {
    const field = s.properties[name];
    table.append(row(name, field, required.includes(name), field.description || resolve(field).description));
  }
  return table;
}

// sample makes an example of a schema from the examples of its fields.
function sample(schema, depth = 0) {
  if (!schema || depth > 6) return null;
  if (schema.examples) return schema.examples[0];
  if (schema.$ref) return sample(resolve(schema), depth + 1);
  const alternatives = schema.anyOf || schema.oneOf;
  if (alternatives) return sample(alternatives[0], depth + 1);
  if (schema.enum) return schema.enum[0];
  if (schema.default !== undefined) return schema.default;
  const type = [].concat(schema.type)[0];
  switch (type) {
    case 'object': {
      const out = {};
      for (const [name, field] of Object.entries(schema.properties || {})) {
        if (!field.writeOnly) out[name] = sample(field, depth + 1);
      }
      return out;
    }
    case 'array': return depth > 4 ? [] : [sample(schema.items, depth + 1)];
    case 'integer': case 'number': return schema.minimum || 0;
    case 'boolean': return true;
    case 'string': return schema.format === 'date-time' ? '2026-01-31T08:00:00Z' : '';
  }
  return null;
}

function code(value) {
  return el('pre', { tabindex: 0 }, typeof value === 'string' ? value : JSON.stringify(value, null, 2));
}

function curl(method, path, body) {
  const lines = ['curl -H "Authorization: Bearer $TOKEN"'];
  if (method !== 'get') lines.push('-X ' + method.toUpperCase());
  if (body !== undefined) lines.push("-d '" + JSON.stringify(body) + "'");
  return lines.concat('"' + location.origin + doc.servers[0].url + path + '"').join(' \\\n  ');
}

function requestPart(op) {
  if (!op.requestBody) return [];
  const out = [el('h3', {}, op.requestBody.required ? 'Body' : 'Body (may be left out)')];
  for (const [type, media] of Object.entries(op.requestBody.content || {})) {
    if (type !== 'application/json') {
      out.push(el('p', {}, el('code', {}, type), ' ', (media.schema && media.schema.description) || ''));
      if (media.example) out.push(code(media.example));
      continue;
    }
    out.push(fields(media.schema));
    if (media.example !== undefined) out.push(code(media.example));
  }
  return out;
}

function answersPart(op) {
  const list = el('ul', { class: 'answers' });
  const examples = [];
  for (const status of Object.keys(op.responses).sort()) {
    const response = op.responses[status];
    const media = Object.values(response.content || {})[0];
    const item = el('li', {}, el('b', {}, status), response.description || '');
    if (media && status < '300') {
      item.append(' · ', kind(media.schema));
      if (!examples.length) examples.push(code(sample(media.schema)));
    }
    const headers = Object.keys(response.headers || {});
    if (headers.length) item.append(' · headers ', join(headers.map(h => el('code', {}, h)), ', '));
    list.append(item);
  }
  return [el('h3', {}, 'Answers'), list, ...examples];
}

function operation(path, method, op) {
  const body = el('div', { class: 'inside' }, ...prose(op.description));
  if (op.parameters && op.parameters.length) {
    const table = el('table', { class: 'fields' });
    for (const p of op.parameters) {
      table.append(row(p.name + (p.in === 'query' ? '' : ' (' + p.in + ')'), p.schema || {}, p.required, p.description));
    }
    body.append(el('h3', {}, 'Parameters'), table);
  }
  const media = op.requestBody && op.requestBody.content && op.requestBody.content['application/json'];
  body.append(...requestPart(op), el('h3', {}, 'Call'), code(curl(method, path, media ? media.example : undefined)), ...answersPart(op));
  return el('details', { class: 'operation', id: op.operationId },
    el('summary', {},
      el('span', { class: 'method ' + method.toUpperCase() }, method.toUpperCase()),
      el('span', { class: 'address' }, doc.servers[0].url + path),
      el('span', { class: 'what' }, op.summary || '')),
    body);
}

function operationsByTag() {
  const groups = new Map(doc.tags.map(t => [t.name, []]));
  for (const path of Object.keys(doc.paths)) {
    for (const method of methods) {
      const op = doc.paths[path][method];
      if (op) groups.get(op.tags[0]).push({ path, method, op });
    }
  }
  return groups;
}

function draw() {
  document.title = doc.info.title + ' API ' + doc.info.version;
  document.getElementById('about').append(...prose(doc.info.description));
  const index = document.getElementById('index');
  const main = document.getElementById('operations');
  for (const [tag, list] of operationsByTag()) {
    const links = el('ul');
    const section = el('section', {}, el('h2', {}, tag));
    for (const { path, method, op } of list) {
      links.append(el('li', { 'data-words': [op.summary, path, method, op.operationId].join(' ').toLowerCase() },
        el('a', { href: '#' + op.operationId }, op.summary)));
      section.append(operation(path, method, op));
    }
    index.append(el('section', {}, el('h2', {}, tag), links));
    main.append(section);
  }
  const schemas = document.getElementById('schemas');
  schemas.append(el('h2', {}, 'Schemas'));
  for (const name of Object.keys(doc.components.schemas).sort()) {
    const s = doc.components.schemas[name];
    schemas.append(el('details', { class: 'schema', id: 'schema-' + name },
      el('summary', {}, el('span', { class: 'address' }, name), el('span', { class: 'what' }, s.description || '')),
      el('div', { class: 'inside' }, fields(s))));
  }
  main.removeAttribute('aria-busy');
}

// open shows what the address points at.
function open() {
  const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target) return;
  if (target.tagName === 'DETAILS') target.open = true;
  target.scrollIntoView();
}

function search(event) {
  const words = event.target.value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const item of document.querySelectorAll('#index li')) {
    item.hidden = !words.every(word => item.dataset.words.includes(word));
  }
  for (const section of document.querySelectorAll('#index section')) {
    section.hidden = !section.querySelector('li:not([hidden])');
  }
}

fetch(document.body.dataset.document)
  .then(answer => answer.ok ? answer.json() : Promise.reject(new Error('HTTP ' + answer.status)))
  .then(found => {
    doc = found;
    draw();
    open();
    addEventListener('hashchange', open);
    document.querySelector('.search input').addEventListener('input', search);
  })
  .catch(problem => {
    document.getElementById('operations').replaceChildren(
      el('p', { class: 'note' }, 'The document could not be loaded: ' + problem.message + '.'));
  });
