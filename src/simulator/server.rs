//! The addresses, and the socket behind them that can go away for a while.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, Path, State};
use axum::http::{HeaderMap, Response, Uri};
use axum::routing::{any, get, post};
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;

use super::reply::Reply;
use super::service::Service;
use super::wire::{Door, Fate};
use super::world::{Gone, World};
use super::{call, control, login, oauth};

/// Connections that may wait to be accepted: more than any test opens at once.
const BACKLOG: u32 = 1_024;

/// The port. It stays bound while nobody listens, so that connections are refused and no other process takes it.
pub(super) struct Port {
    address: SocketAddr,
    _anchor: TcpSocket,
}

impl Port {
    /// Takes a port; 0 takes any.
    pub(super) fn take(address: SocketAddr) -> io::Result<Self> {
        let anchor = bound(address)?;
        Ok(Self { address: anchor.local_addr()?, _anchor: anchor })
    }

    /// Where it is.
    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Begins to listen.
    pub(super) fn listen(&self) -> io::Result<TcpListener> {
        bound(self.address)?.listen(BACKLOG)
    }
}

fn bound(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

/// Serves until it is told to close; on the way the port is shut and opened again as scenarios wish.
pub(super) async fn serve(
    world: Arc<World>,
    port: Port,
    mut listener: TcpListener,
    mut wishes: mpsc::UnboundedReceiver<Gone>,
    mut closing: watch::Receiver<bool>,
) -> io::Result<()> {
    let mut generations = JoinSet::new();
    loop {
        let (door, shut) = Door::new(listener);
        let (stop, stopped) = oneshot::channel::<()>();
        let service = routes(Arc::clone(&world)).into_make_service_with_connect_info::<Fate>();
        let stopping = async { drop(stopped.await) };
        generations.spawn(axum::serve(door, service).with_graceful_shutdown(stopping).into_future());
        let wish = tokio::select! {
            wish = wishes.recv() => wish,
            _ = closing.wait_for(|closing| *closing) => None,
        };
        drop(stop);
        // The sender in the door is only ever dropped, and that is the news.
        let _ = shut.await;
        let Some(wish) = wish else { break };
        if !away(wish, &mut wishes, &mut closing).await {
            break;
        }
        listener = port.listen()?;
    }
    while let Some(ended) = generations.join_next().await {
        ended.map_err(io::Error::other)??;
    }
    Ok(())
}

/// Stays away as long as was wished; false where the simulator is closed meanwhile.
async fn away(
    wish: Gone,
    wishes: &mut mpsc::UnboundedReceiver<Gone>,
    closing: &mut watch::Receiver<bool>,
) -> bool {
    let back = async {
        match wish.lasts {
            Some(lasts) => tokio::time::sleep(lasts).await,
            None => std::future::pending().await,
        }
    };
    // The one who wished may have gone away too.
    let _ = wish.done.send(());
    tokio::pin!(back);
    loop {
        tokio::select! {
            () = &mut back => return true,
            _ = closing.wait_for(|closing| *closing) => return false,
            Some(another) = wishes.recv() => drop(another.done.send(())),
        }
    }
}

fn routes(world: Arc<World>) -> Router {
    let authenticate = |State(world), ConnectInfo(fate), body: Bytes| login::answer(world, fate, body);
    let mut router = control::routes().route(Service::Login.path(), post(authenticate));
    let health =
        |service: Service| get(move |State(world), ConnectInfo(fate)| login::health(service, world, fate));
    for service in Service::CREDITSAFE {
        let data = move |State(world), ConnectInfo(fate), uri: Uri, headers: HeaderMap| {
            call::answer(service, world, fate, uri, headers)
        };
        router = router.route(service.path(), get(data));
        router = router.route(&format!("{}/health", service.path()), health(service));
    }
    let elsewhere = |service: Service| {
        any(move |State(world), ConnectInfo(fate), uri: Uri, headers: HeaderMap, body: Bytes| {
            call::answer_elsewhere(service, world, fate, uri, headers, body)
        })
    };
    for service in Service::NORDIC {
        router = router.route(service.path(), elsewhere(service));
    }
    let token =
        |State(world), Path(provider): Path<String>, ConnectInfo(fate), headers: HeaderMap, body: Bytes| {
            oauth::token(provider, world, fate, headers, body)
        };
    router = router
        .route("/{provider}/token", post(token))
        .route("/{provider}/health", health(Service::Health))
        .route(Service::Elsewhere.path(), elsewhere(Service::Elsewhere));
    // Both DateCheck services share one health address.
    router
        .route("/datecheck/health", health(Service::DatecheckCompany))
        .route("/health", health(Service::Health))
        .fallback(nowhere)
        .with_state(world)
}

/// As a web server answers for an address that it does not have.
async fn nowhere() -> Response<Body> {
    Reply::html(404).into_response()
}
