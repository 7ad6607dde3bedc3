# The orders service, and a pattern for your own: topologies/ is all that is special about it.
#
#   docker build --tag orders .
FROM node:24-slim AS build
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY src src
RUN npm run build

FROM node:24-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
# Every dependency brings its binaries along, so no install script has to run.
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund

FROM node:24-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=dependencies /app/node_modules node_modules
COPY --from=build /build/dist dist
COPY package.json ./
COPY src/cli/millrace.mjs src/cli/millrace.mjs
COPY topologies/orders.ts topologies/orders.ts
COPY topologies/orders topologies/orders
# State is a cache of changelog topics: a volume here spares restoring it after a restart.
RUN mkdir /state && chown node:node /state
VOLUME /state
USER node
ENV MILLRACE_STATE_DIR=/state MILLRACE_HTTP=0.0.0.0:8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:8080/health/live').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
# SIGTERM is obeyed: stop polling, commit, leave the group.
ENTRYPOINT ["node", "src/cli/millrace.mjs"]
CMD ["run", "topologies/orders.ts"]
